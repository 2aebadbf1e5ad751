// When a message is tried again. Pure.

#pragma once

#include <cstdint>

namespace porpoise::send {

/// The step of the quadratic schedule (reference 5.4): a destination elsewhere is tried at ages
/// 400, 1600, 3600 s ..., one here at 100, 400, 900 s ...
inline constexpr std::int64_t kStepLocal = 10;
inline constexpr std::int64_t kStepRemote = 20;

/// birth + (floor(sqrt(age)) + step)^2, with age = now - birth. All in seconds. An age below zero
/// (the clock was set back) counts as none.
std::int64_t next_attempt(std::int64_t birth_s, std::int64_t now_s, std::int64_t step);

/// The same with up to a sixteenth of the wait added, `random` deciding, so that messages which
/// arrived together do not come back together.
std::int64_t next_attempt_jittered(std::int64_t birth_s, std::int64_t now_s, std::int64_t step,
                                   std::uint64_t random);

}  // namespace porpoise::send
