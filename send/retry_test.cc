#include "send/retry.h"

#include <gtest/gtest.h>
#include <vector>

namespace porpoise::send {
namespace {

std::vector<std::int64_t> ages(std::int64_t step, int count) {
  std::vector<std::int64_t> result;
  std::int64_t now = 1'000'000;
  for (int i = 0; i < count; ++i) {
    now = next_attempt(1'000'000, now, step);
    result.push_back(now - 1'000'000);
  }
  return result;
}

TEST(Retry, FollowsTheQuadraticSchedule) {
  EXPECT_EQ(ages(kStepLocal, 6), (std::vector<std::int64_t>{100, 400, 900, 1600, 2500, 3600}));
  EXPECT_EQ(ages(kStepRemote, 6), (std::vector<std::int64_t>{400, 1600, 3600, 6400, 10000, 14400}));
}

TEST(Retry, AWeekTakesAsManyAttemptsAsTheReferenceSays) {
  EXPECT_LE(ages(kStepLocal, 77).back(), 604800);
  EXPECT_GT(ages(kStepLocal, 78).back(), 604800);
  EXPECT_LE(ages(kStepRemote, 38).back(), 604800);
  EXPECT_GT(ages(kStepRemote, 39).back(), 604800);
}

TEST(Retry, ABirthInTheFutureCountsAsNow) {
  EXPECT_EQ(next_attempt(9000, 1000, kStepLocal), 1100);
}

TEST(Retry, JitterAddsAtMostASixteenthOfTheWait) {
  for (std::uint64_t random = 0; random < 100; ++random) {
    const std::int64_t next = next_attempt_jittered(0, 0, kStepLocal, random);
    EXPECT_GE(next, 100);
    EXPECT_LE(next, 106);
  }
  EXPECT_EQ(next_attempt_jittered(0, 0, kStepLocal, 3), 103);
}

}  // namespace
}  // namespace porpoise::send
