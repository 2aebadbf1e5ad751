#include "inject/interactive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace porpoise::inject {
namespace {

using queue::Attempted;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using End = Attempted::End;

const Attempted kDelivered{End::delivered, "ann@here.test", "did 1+0+0\n"};
const Attempted kDeferred{End::deferred, "bob@here.test", "exit code 111\n"};
const Attempted kUnknown{End::failed, "eve@here.test",
                         "sorry, no mailbox here by that name (#5.1.1)\n"};
const Attempted kNoHost{End::failed, "x@far.test", "no route (#5.1.2)"};
const Attempted kRefused{End::failed, "y@here.test", "go away\n\nreally (#5.7.1)\n\n"};

TEST(Interactive, ADeliveryIsSilent) {
  const Told told = tell("ID", {kDelivered}, 1);
  EXPECT_THAT(told.lines, IsEmpty());
  EXPECT_FALSE(told.failure);
}

TEST(Interactive, WhatIsDeferredIsSaidAndNoFailure) {
  const Told told = tell("ID", {kDelivered, kDeferred}, 2);
  EXPECT_THAT(told.lines, ElementsAre("bob@here.test: queued, not delivered yet: exit code 111"));
  EXPECT_FALSE(told.failure);
}

TEST(Interactive, AFailureIsTheLastLineAndTheExitCode) {
  const Told told = tell("ID", {kUnknown, kDeferred, kRefused}, 3);
  ASSERT_TRUE(told.failure);
  EXPECT_EQ(told.failure->error.text, "y@here.test: failed: go away; really (#5.7.1)");
  EXPECT_EQ(sysexit(*told.failure), 69);
  EXPECT_THAT(told.lines,
              ElementsAre("bob@here.test: queued, not delivered yet: exit code 111",
                          "eve@here.test: failed: sorry, no mailbox here by that name (#5.1.1)"));
}

TEST(Interactive, TheCodeSaysWhatAllFailuresAre) {
  EXPECT_EQ(sysexit(*tell("ID", {kUnknown}, 1).failure), 67);
  EXPECT_EQ(sysexit(*tell("ID", {kUnknown, kDeferred}, 2).failure), 67);
  EXPECT_EQ(sysexit(*tell("ID", {kNoHost}, 1).failure), 68);
  EXPECT_EQ(sysexit(*tell("ID", {kNoHost, kUnknown}, 2).failure), 69);
}

TEST(Interactive, WhatNobodyReportedIsSomebodyElsesWork) {
  const Told told = tell("ID", {}, 2);
  EXPECT_THAT(told.lines, ElementsAre("ID: queued; another send works on the queue"));
  EXPECT_FALSE(told.failure);
}

}  // namespace
}  // namespace porpoise::inject
