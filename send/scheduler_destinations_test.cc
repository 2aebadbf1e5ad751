// What a destination's past means for the mail that comes next.

#include "send/simulator.h"

namespace porpoise::send {
namespace {

constexpr Destination kFar = 0xfa40'0000'0001;
constexpr Destination kOther = 0x0731'0000'0001;
constexpr Time kDay = 86400 * kSecond;

Ruling away(const Start&) {
  return {.about_destination = true, .unreachable = true, .error = 4001, .name = "far.test"};
}
Ruling refuses(const Start&) {
  return {.about_destination = true, .error = 2001, .name = "far.test"};
}
const auto kDeferred = [](const Start&) { return std::optional('Z'); };
const auto kDelivered = [](const Start&) { return std::optional('K'); };

TEST(SchedulerDestinations, AMessageAfterOneThatWasReturnedIsTriedOnceAndReturned) {
  World w;
  w.rule = refuses;
  const Id first = w.put_to(kFar);
  w.deliver = [&](const Start& s) { return w.disk.at(s.id).notice_about ? 'K' : 'Z'; };
  w.scheduler.arrived(first, w.now);
  w.run();
  w.pass(8 * kDay);
  EXPECT_EQ(w.notices.size(), 1u);
  const std::size_t before = w.attempts.size();
  const Id next = w.arrive_to(kFar);
  EXPECT_FALSE(w.disk.contains(next));
  EXPECT_EQ(w.notices.size(), 2u);
  EXPECT_EQ(w.attempts.size(), before + 2);  // its own, and the notice's
}

TEST(SchedulerDestinations, ItsReportSaysSo) {
  World w;
  w.rule = refuses;
  w.deliver = kDeferred;
  w.bounce = [](const QueueNotice&) { return false; };
  w.arrive_to(kFar);
  w.pass(8 * kDay);
  const Id next = w.arrive_to(kFar);
  EXPECT_EQ(w.disk.at(next).state.recipients[0].text,
            "because\nnot tried again: far.test has taken no mail since 2027-01-15T08:00:00.000Z, "
            "and other mail for it was returned already (#4.4.7)");
}

TEST(SchedulerDestinations, ASuccessClearsTheMark) {
  World w;
  w.rule = refuses;
  w.deliver = kDeferred;
  w.bounce = [](const QueueNotice&) { return false; };
  w.arrive_to(kFar);
  w.pass(8 * kDay);
  w.deliver = kDelivered;
  w.arrive_to(kFar);
  EXPECT_EQ(w.scheduler.destinations().find(kFar), nullptr);
  w.deliver = kDeferred;
  const Id next = w.arrive_to(kFar);
  EXPECT_EQ(w.disk.at(next).place, Place::deferred);
}

TEST(SchedulerDestinations, AnotherErrorIsAnotherStory) {
  World w;
  w.rule = refuses;
  w.deliver = kDeferred;
  w.bounce = [](const QueueNotice&) { return false; };
  w.arrive_to(kFar);
  w.pass(8 * kDay);
  w.rule = [](const Start&) {
    return Ruling{.about_destination = true, .error = 2002, .name = "far.test"};
  };
  const Id next = w.arrive_to(kFar);
  EXPECT_EQ(w.disk.at(next).place, Place::deferred);
}

TEST(SchedulerDestinations, AnErrorThatMayBeTheMessagesReturnsNoOther) {
  World w;
  w.deliver = kDeferred;  // and no ruling: nobody knows what it is about
  w.bounce = [](const QueueNotice&) { return false; };
  w.arrive_to(kFar);
  w.pass(8 * kDay);
  const Id next = w.arrive_to(kFar);
  EXPECT_EQ(w.disk.at(next).place, Place::deferred);
  EXPECT_EQ(w.scheduler.destinations().size(), 0u);
}

TEST(SchedulerDestinations, AMarkIsForgottenAWeekAfterTheLastFailure) {
  World w;
  w.rule = refuses;
  w.deliver = kDeferred;
  w.arrive_to(kFar);
  w.until(kStart + 7 * kDay + kDay / 2);
  w.disk.clear();
  w.pass(8 * kDay);
  const Id next = w.arrive_to(kFar);
  EXPECT_EQ(w.disk.at(next).place, Place::deferred);
}

TEST(SchedulerDestinations, AnotherDestinationIsNotMeant) {
  World w;
  w.rule = refuses;
  w.deliver = kDeferred;
  w.bounce = [](const QueueNotice&) { return false; };
  w.arrive_to(kFar);
  w.pass(8 * kDay);
  const Id next = w.arrive_to(kOther);
  EXPECT_EQ(w.disk.at(next).place, Place::deferred);
}

TEST(SchedulerDestinations, ASuccessMakesWhatWaitsForItDue) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  for (int i = 0; i < 20; ++i) w.arrive_to(kFar);
  const Id other = w.arrive_to(kOther);
  w.pass(2 * kDay);
  EXPECT_EQ(w.disk.size(), 21u);
  w.deliver = kDelivered;
  w.rule = [](const Start&) { return Ruling{}; };
  w.arrive_to(kFar);
  w.pass(2 * kSecond);
  EXPECT_EQ(w.disk.size(), 1u);
  EXPECT_TRUE(w.disk.contains(other));
}

TEST(SchedulerDestinations, AMessageThatAlwaysFailsIsNotTriedWithEachThatDoesNot) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  const Id poison = w.arrive_to(kFar);
  w.deliver = [&](const Start& s) { return s.id == poison ? 'Z' : 'K'; };
  for (int i = 0; i < 100; ++i) {
    w.pass(20 * kSecond);
    w.arrive_to(kFar);
  }
  const auto tries =
      std::ranges::count_if(w.attempts, [&](const Attempt& a) { return a.id == poison; });
  EXPECT_LE(tries, 3);  // at 0, 400 and 1600 s
}

TEST(SchedulerDestinations, ButNotAllAtOnce) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  for (int i = 0; i < 1000; ++i) w.arrive_to(kFar);
  w.pass(3600 * kSecond);
  w.deliver = kDelivered;
  const std::size_t before = w.attempts.size();
  w.arrive_to(kFar);
  w.pass(kReleaseEvery / 2);
  EXPECT_LE(w.attempts.size(), before + 1 + kReleasedAtOnce);
  w.pass(10 * kReleaseEvery);
  EXPECT_TRUE(w.disk.empty());
}

// R1123-5.3.1.1-s54-retry-per-host
TEST(SchedulerDestinations, OfFiftyMessagesForAHostThatIsAwayAFewFindOut) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  for (int i = 0; i < 50; ++i) w.arrive_to(kFar);
  EXPECT_EQ(w.attempts.size(), 50u);  // the first one is each message's own
  w.pass(2 * kDay);
  const std::size_t rounds = 20;  // of the quadratic schedule
  EXPECT_GE(w.attempts.size(), 50u + rounds);
  EXPECT_LE(w.attempts.size(), 50u + 8 * rounds);
}

TEST(SchedulerDestinations, AndEachHasALastAttemptOfItsOwn) {
  World w;
  w.rule = away;
  w.deliver = [&](const Start& s) { return w.disk.at(s.id).notice_about ? 'K' : 'Z'; };
  std::vector<Id> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(w.arrive_to(kFar));
  w.pass(6 * kDay);
  std::set<Id> tried_late;
  const std::size_t before = w.attempts.size();
  w.pass(4 * kDay);
  for (std::size_t i = before; i < w.attempts.size(); ++i) {
    if (w.attempts[i].at > kStart + 7 * kDay) tried_late.insert(w.attempts[i].id);
  }
  for (const Id& id : ids) EXPECT_TRUE(tried_late.contains(id));
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 50u);
}

TEST(SchedulerDestinations, WhoeverIsAskedForIsTriedNow) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  const Id a = w.arrive_to(kFar);
  w.arrive_to(kFar);
  const std::size_t before = w.attempts.size();
  EXPECT_TRUE(w.scheduler.retry(a, w.now));
  w.run();
  EXPECT_EQ(w.attempts.size(), before + 1);
}

TEST(SchedulerDestinations, ARetryOfAllTriesAFewOfEachHostThatIsAway) {
  World w({.remote = 20, .per_host = 2});
  w.rule = away;
  w.deliver = kDeferred;
  for (int i = 0; i < 50; ++i) w.arrive_to(kFar);
  const std::size_t before = w.attempts.size();
  w.scheduler.retry_all(w.now);
  w.run();
  w.pass(kSecond);
  EXPECT_GE(w.attempts.size(), before + 1);
  EXPECT_LE(w.attempts.size(), before + 5);
}

// R5321-4.5.4.1-no-cache-5yz-mail
TEST(SchedulerDestinations, ARefusalOfOneMessageIsNotHeldAgainstTheNext) {
  World w;
  w.rule = refuses;
  w.deliver = [&](const Start& s) { return w.disk.at(s.id).notice_about ? 'K' : 'D'; };
  w.arrive_to(kFar);
  EXPECT_EQ(w.scheduler.destinations().size(), 0u);
  const std::size_t before = w.attempts.size();
  w.deliver = kDelivered;
  const Id next = w.arrive_to(kFar);
  EXPECT_EQ(w.attempts.size(), before + 1);
  EXPECT_FALSE(w.disk.contains(next));
}

TEST(SchedulerDestinations, ChangesAreInTheLog) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  w.arrive_to(kFar);
  w.arrive_to(kFar);
  w.deliver = kDelivered;
  w.arrive_to(kFar);
  EXPECT_THAT(w.of_log("destination"), ::testing::ElementsAre("destination far.test: failing",
                                                              "destination far.test: well"));
}

TEST(SchedulerDestinations, TheTextSaysWhichOne) {
  World w;
  w.rule = away;
  w.deliver = kDeferred;
  w.arrive_to(kFar);
  ASSERT_NE(w.scheduler.destinations().find(kFar), nullptr);
  EXPECT_EQ(w.scheduler.destinations().find(kFar)->text, "because");
}

// ---- the table itself

TEST(Destinations, TheOneThatFailedLongestAgoIsForgotten) {
  Destinations d;
  constexpr Destination kAgain = 1'000'000;
  EXPECT_TRUE(d.failed(kAgain, {.name = "x"}, "why", 0, 1));
  for (Destination to = 1; to <= Destinations::kMost + 5; ++to) {
    EXPECT_TRUE(d.failed(to, {.name = "x"}, "why", 0, static_cast<Time>(to)));
    EXPECT_FALSE(d.failed(kAgain, {.name = "x"}, "why", 0, static_cast<Time>(to)));
  }
  EXPECT_EQ(d.size(), Destinations::kMost);
  EXPECT_EQ(d.find(1), nullptr);
  EXPECT_EQ(d.find(6), nullptr);
  EXPECT_NE(d.find(7), nullptr);
  EXPECT_NE(d.find(kAgain), nullptr);
}

TEST(Destinations, WhatIsNowhereHasNoState) {
  Destinations d;
  EXPECT_FALSE(d.failed(0, {.unreachable = true, .name = "x"}, "why", 100, 1));
  EXPECT_EQ(d.size(), 0u);
  EXPECT_EQ(d.wait_until(0, 1), 0);
  EXPECT_FALSE(d.succeeded(0));
}

TEST(Destinations, AClockStepMovesItsTimes) {
  Destinations d;
  d.failed(7, {.unreachable = true, .name = "x"}, "why", 500, 100);
  EXPECT_EQ(d.wait_until(7, 400), 500);
  d.clock_stepped(-100);
  EXPECT_EQ(d.wait_until(7, 300), 400);
  EXPECT_EQ(d.wait_until(7, 400), 0);
}

}  // namespace
}  // namespace porpoise::send
