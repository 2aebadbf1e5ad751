#include "send/times.h"

#include <gtest/gtest.h>

namespace porpoise::send {
namespace {

constexpr Time kYear = 365 * 86400 * kSecond;

TEST(Times, AClockIsBelievedUntilNextTimesEnd) {
  for (const Time t : {Time{0}, kYear, 130 * kYear, kLastBelieved}) EXPECT_EQ(believed(t), t);
  EXPECT_LT(latest_next(kLastBelieved), 0xffffffffu) << "there is room for a wait";
}

TEST(Times, ALaterClockIsTakenBackAndRunsOn) {
  constexpr Time kBack = (Time{1} << 31) * kSecond;
  EXPECT_EQ(believed(kLastBelieved + 1), kLastBelieved + 1 - kBack);
  EXPECT_EQ(believed(180 * kYear), 180 * kYear - kBack);
  EXPECT_EQ(believed(180 * kYear + 5), believed(180 * kYear) + 5);
  for (Time year = 137; year < 7000; ++year) {
    EXPECT_LE(believed(year * kYear), kLastBelieved) << year;
    EXPECT_GT(believed(year * kYear), kLastBelieved - kBack) << year;
  }
}

TEST(Times, WhatWaitsIsMovedWithTheClockAndNeverBeyondADay) {
  constexpr Time kNow = 50 * kYear;
  const std::uint32_t soon = seconds(kNow + 100 * kSecond);
  EXPECT_EQ(moved(soon, 10 * kYear, kNow + 10 * kYear), seconds(kNow + 10 * kYear) + 100);
  EXPECT_EQ(moved(soon, -10 * kYear, kNow - 10 * kYear), seconds(kNow - 10 * kYear) + 100);
  EXPECT_EQ(moved(0xffffffff, -kYear, kNow), latest_next(kNow));
  EXPECT_EQ(moved(seconds(kYear), -10 * kYear, kSecond), kDue);
  for (const std::uint32_t at_once : {kAskedFor, kDueForAll, kDue}) {
    EXPECT_EQ(moved(at_once, kYear, kNow), at_once);
  }
}

}  // namespace
}  // namespace porpoise::send
