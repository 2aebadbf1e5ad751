// Runs a program and its whole process tree, and does something at one of its system calls.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace porpoise::fault {

enum class Act : unsigned char {
  list,        ///< nothing: every point is listed
  none,        ///< nothing, and nothing is listed
  before,      ///< the whole tree is killed before the call
  after,       ///< the whole tree is killed after the call has been done
  one_before,  ///< the calling process alone is killed
  one_after,
  error,       ///< the call is not done and fails; a close is done and fails
  error_from,  ///< the same, and so does every later call of the tree that needs room on a disk
  shorten,     ///< the call transfers half of what was asked
  jump,  ///< from this reading of a clock on, clocks are ahead by Plan::wall_by_us, boot_by_us
};

struct Plan {
  Act act = Act::none;
  /// Which call: "NODE:CALL:K", the process's K-th of that name, the same in each run however the
  /// processes take turns; or "N", the N-th point of the tree. For a jump also "file:PATH": the
  /// first reading after that file has been made.
  std::string at;
  int error = 0;
  std::int64_t wall_us = 0;     ///< where the wall clock begins; 0: the real one
  std::int64_t wall_by_us = 0;  ///< by how much CLOCK_REALTIME jumps (below zero: back)
  std::int64_t boot_by_us = 0;  ///< and CLOCK_BOOTTIME: as after a suspend
  std::uint64_t seed = 1;       ///< of getrandom; used where wall_us is
  int limit_s = 30;             ///< for the whole tree
  std::uint64_t fsize = 0;      ///< RLIMIT_FSIZE of the tree; 0: none
  std::vector<std::string> arguments;

  std::string_view call() const {  ///< of "NODE:CALL:K"
    const std::string_view text = at;
    const auto from = text.find(':') + 1;
    return text.substr(from, text.find(':', from) - from);
  }
};

struct Outcome {
  int code = 202;       ///< the first program's exit code; -signal; 200: killed by us
  bool struck = false;  ///< the call was reached
  bool hung = false;    ///< something still ran at the limit
  int lost = 0;         ///< files and names lost by a failed sync
  long points = 0;      ///< of a run with a jump: readings of the clock
  /// A line a point, by tabs: NODE:CALL:K PROGRAM KIND changes|- main|early OBJECT. "early" is what
  /// the dynamic linker and libc do before main() begins. Where the clock is pretended, its
  /// readings are listed, too: of kind "clock", and not counted in `points`.
  std::string list;
};

inline constexpr int kKilled = 200;
inline constexpr int kTrouble = 202;

/// To be called in a process of its own, whose end ends what is left of the tree.
Outcome trace(const Plan& plan);

}  // namespace porpoise::fault
