// One program line of a dot-file.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "libmail/result.h"
#include "local/signals.h"
#include "posix/process.h"

namespace porpoise::local {

/// What a program's end means (reference section 7.5).
enum class Verdict {
  done,   ///< 0
  stop,   ///< 99: done, and the lines after it are skipped
  never,  ///< 64 65 70 76 77 78 100 112
  later,  ///< everything else, and death by a signal
};
Verdict verdict_of(const posix::Ended& ended);

struct Program {
  std::string command;                   ///< for /bin/sh -c
  std::vector<std::string> environment;  ///< exactly what it gets
  int message = 0;                       ///< a seekable descriptor of the whole message
  std::chrono::seconds limit{3600};      ///< how long it may run
};

/// What a program that is told to end has before it is killed.
inline constexpr std::chrono::seconds kProgramGrace{5};

/// Runs it in the working folder, a session and process group of its own, with the message from
/// its beginning on descriptor 0, our standard output and error, and no other descriptor. Waits
/// for the program itself: what it leaves in the background holds nothing. Temporary errors: it
/// cannot be started, ran longer than its limit, or we were told to end; then its process group
/// is ended before the error is returned.
Result<posix::Ended> run_program(const Program& program, HeldSignals& signals);

/// A read-only descriptor of `message` at its beginning, with an offset of its own where /proc
/// allows it. Temporary error: it is not seekable.
Result<posix::UniqueFd> open_again(int message);

}  // namespace porpoise::local
