#include "spawn/marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/lock.h"
#include "posix/test_folder.h"

namespace porpoise::spawn {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class MarksTest : public testing::Test {
 protected:
  MarksTest() {
    top_.make_folder("control");
    top_.make_folder("run");
    top_.write("control/me", "here.test\n");
    top_.write("control/owner", "owner:500:500:/home/owner\n");
  }
  Marks open() { return std::move(*Marks::open(*Instance::open(top_.path()))); }

  posix::TestFolder top_;
};

TEST_F(MarksTest, OfThisSpawnNobodyWaitsFor) {
  Marks marks = open();
  const posix::UniqueFd one = std::move(*marks.mark(500));
  const posix::UniqueFd two = std::move(*marks.mark(500));
  EXPECT_THAT(marks.earlier(500), IsEmpty());
}

TEST_F(MarksTest, OfAnEarlierSpawnAreWaitedForUntilTheyAreGone) {
  Marks killed = open();
  posix::UniqueFd first = std::move(*killed.mark(500));
  posix::UniqueFd second = std::move(*killed.mark(500));
  Marks next = open();
  EXPECT_THAT(next.earlier(501), IsEmpty());
  ASSERT_THAT(next.earlier(500), SizeIs(1));  // one file, for both
  first.reset();
  const std::vector<int> held = next.earlier(500);
  ASSERT_THAT(held, SizeIs(1));
  EXPECT_FALSE(*posix::try_lock(held[0], "it"));
  second.reset();
  EXPECT_TRUE(*posix::try_lock(held[0], "it"));
  EXPECT_THAT(next.earlier(500), IsEmpty());
}

TEST_F(MarksTest, OfTwoEarlierSpawnsAreBothWaitedFor) {
  Marks first = open();
  const posix::UniqueFd one = std::move(*first.mark(500));
  Marks second = open();
  const posix::UniqueFd two = std::move(*second.mark(500));
  Marks third = open();
  EXPECT_THAT(third.earlier(500), SizeIs(2));
}

TEST_F(MarksTest, ThatNobodyHoldsAreRemoved) {
  {
    Marks marks = open();
    (void)marks.mark(500);
    (void)marks.mark(501);
    EXPECT_THAT(top_.names("run/deliveries"), SizeIs(2));
  }
  const Marks next = open();
  EXPECT_THAT(top_.names("run/deliveries"), IsEmpty());
}

TEST_F(MarksTest, WhatIsNoMarkIsLeftAlone) {
  top_.make_folder("run/deliveries");
  top_.write("run/deliveries/readme", "");
  top_.write("run/deliveries/4294967296.1-1", "");
  const Marks marks = open();
  EXPECT_THAT(top_.names("run/deliveries"), SizeIs(2));
}

TEST_F(MarksTest, ALinkIsNotFollowed) {
  top_.make_folder("run/deliveries");
  std::filesystem::create_symlink("../../control/me", top_.path("run/deliveries/500.1-1"));
  EXPECT_FALSE(Marks::open(*Instance::open(top_.path())));
}

}  // namespace
}  // namespace porpoise::spawn
