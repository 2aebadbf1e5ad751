// The scheduler's times.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace porpoise::send {

/// Microseconds since 1970. Both kinds of waiting use it; clock_stepped() keeps them right.
using Time = std::int64_t;
inline constexpr Time kSecond = 1'000'000;

inline constexpr Time kRecordDelay = 1 * kSecond;     ///< until an end is recorded at the latest
inline constexpr Time kNoticeDelay = 300 * kSecond;   ///< until a failure is reported at the latest
inline constexpr Time kTroubleDelay = 123 * kSecond;  ///< after trouble with a disk or program
inline constexpr Time kSlowReading =
    2 * kSecond;  ///< then a message that is read holds up no other
inline constexpr std::uint32_t kParkedInARow = 50;  ///< then it is enough for a moment:
inline constexpr std::array<Time, 2> kRest = {kSecond, kSecond / 100};  ///< by Channel
inline constexpr Time kFruitlessRest = kSecond / 100;       ///< when all that is read has to wait
inline constexpr std::int64_t kLongestWaitSeconds = 86400;  ///< later next times are pulled in
/// No message is returned for its age before so many attempts (or all that its schedule has in its
/// lifetime): a clock that was set by years makes it old at once.
inline constexpr std::size_t kLeastAttempts = 3;
/// A success makes what waits for its destination due, if that had taken nothing for so long: one
/// message that always fails is not tried again with each other that does not.
inline constexpr Time kSettledFailure = 600 * kSecond;
/// Of what waited for a destination that takes mail again, so many are due at once, and as many
/// each kReleaseEvery.
inline constexpr std::size_t kReleasedAtOnce = 200;
inline constexpr Time kReleaseEvery = 1 * kSecond;

// Next times of waiting messages that are none.
inline constexpr std::uint32_t kAskedFor = 0;   ///< at once: somebody asked for this one
inline constexpr std::uint32_t kDue = 2;        ///< at once, as far as its recipients' times say
inline constexpr std::uint32_t kDueForAll = 1;  ///< at once, as far as its destination is reachable

/// A message for so many is a list: opening it costs too much to be done for each turn it has. So
/// many of them are never parked.
inline constexpr std::size_t kListRecipients = 1000;
inline constexpr std::size_t kListsKeptOpen = 20;

/// Next times have 32 bits, which end in 2106.
inline constexpr Time kLastBelieved = (Time{0xffffffff} - 2 * kLongestWaitSeconds) * kSecond;

/// What a clock says, but never later than that: it is taken back by as many 68 years as it needs,
/// so that it runs on as it did.
constexpr Time believed(Time wall) {
  constexpr Time kBack = (Time{1} << 31) * kSecond;
  const Time over = wall - kLastBelieved;
  return over <= 0 ? wall : wall - (over + kBack - 1) / kBack * kBack;
}

/// Whole seconds, rounded up, as waiting messages keep them.
constexpr std::uint32_t seconds(Time t) {
  return static_cast<std::uint32_t>(std::clamp<Time>((t + kSecond - 1) / kSecond, 0, 0xffffffff));
}

/// No message waits for a later time.
constexpr std::uint32_t latest_next(Time now) {
  return seconds(now + kLongestWaitSeconds * kSecond);
}

/// When one waits until that was to be tried at `next_s` by a clock that was set by `by`: as long
/// as before, but for a time of another clock.
constexpr std::uint32_t moved(std::uint32_t next_s, Time by, Time now) {
  if (next_s <= kDue) return next_s;
  const Time next = Time{next_s} + by / kSecond;
  return static_cast<std::uint32_t>(std::clamp<Time>(next, kDue, latest_next(now)));
}

}  // namespace porpoise::send
