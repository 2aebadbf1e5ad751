#include "front/pauses.h"

#include <gtest/gtest.h>

namespace porpoise::front {
namespace {

TEST(Pauses, DoubleUpToTheLongest) {
  Pauses pauses;
  std::int64_t want = Pauses::kFirstUs;
  for (; want < Pauses::kLongestUs; want *= 2) EXPECT_EQ(pauses.after(0), want);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pauses.after(0), Pauses::kLongestUs);
}

TEST(Pauses, BeginAgainAfterASteadyRun) {
  Pauses pauses;
  for (int i = 0; i < 10; ++i) (void)pauses.after(0);
  EXPECT_EQ(pauses.after(Pauses::kSteadyUs), Pauses::kFirstUs);
  EXPECT_EQ(pauses.after(Pauses::kSteadyUs - 1), 2 * Pauses::kFirstUs);
}

TEST(Pauses, AClockSetBackIsNoSteadyRun) {
  Pauses pauses;
  (void)pauses.after(0);
  EXPECT_EQ(pauses.after(-Pauses::kSteadyUs), 2 * Pauses::kFirstUs);
}

}  // namespace
}  // namespace porpoise::front
