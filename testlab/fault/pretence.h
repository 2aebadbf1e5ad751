// The clock and the chance that a run is given, so that it can be repeated.

#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <sys/types.h>

namespace porpoise::fault {

/// One process's clocks and chance. Time runs kPace times as fast as it is, as does the waiting of
/// poll(2) and futex(2), and shows in steps only, so that what is short does not depend on it.
class Pretence {
 public:
  static constexpr int kPace = 20;
  static constexpr std::int64_t kStepUs = 250'000;  // of real time

  /// The wall clock begins at `wall_us` (0: the real clocks); `seed` and `node` give the chance.
  Pretence(std::int64_t wall_us, std::uint64_t seed, const std::string& node);

  static bool is_wall(clockid_t clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  }
  /// Microseconds of a clock, `since_us` real ones after the run began; below zero: not a clock
  /// that we pretend.
  std::int64_t read(clockid_t clock, std::int64_t since_us) const;
  /// Real microseconds after the run began when CLOCK_MONOTONIC, as pretended, has reached this.
  static std::int64_t reached(std::int64_t monotonic_us);
  std::uint8_t octet();

 private:
  std::int64_t wall_us_;
  std::uint64_t state_;
};

/// Real microseconds that run on (CLOCK_MONOTONIC).
std::int64_t running_us();

/// Takes the vDSO from a program that has just been exec'ed, so that its clock is asked by system
/// calls.
void hide_vdso(pid_t pid);

}  // namespace porpoise::fault
