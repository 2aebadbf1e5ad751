#include "send/simulator.h"

namespace porpoise::send {
namespace {

using ::testing::IsEmpty;

// ---- schedule

TEST(Scheduler, SevenDaysOfRetriesEndInOneNotice) {
  World w;
  const Id id = w.put(1);
  w.deliver = [id](const Start& s) { return s.id == id ? 'Z' : 'K'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  w.until(kStart + 8 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_GT(w.attempts.size(), 70u);
  EXPECT_LT(w.attempts.size(), 81u);
  const Attempt& last = w.attempts[w.attempts.size() - 2];  // the last one is the notice's
  EXPECT_EQ(last.id, id);
  EXPECT_GT(last.at, kStart + 7 * 86400 * kSecond);
  EXPECT_LT(last.at, kStart + (7 * 86400 + 20000) * kSecond);
}

TEST(Scheduler, TheLastFailureSaysThatTheMessageWasTooLongInTheQueue) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write& a) {
    return a.then == Write::Then::remove ? Outcome::trouble : Outcome::ok;  // keep it to look at
  };
  const Id id = w.arrive();
  w.until(kStart + 8 * 86400 * kSecond);
  EXPECT_EQ(w.disk.at(id).state.recipients[0].text,
            "because\nnot tried again: the message has been in the queue too long (#4.4.7)");
}

TEST(Scheduler, RetryMakesOneOrAllDueNow) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id a = w.arrive();
  const Id b = w.arrive();
  w.deliver = [](const Start&) { return 'K'; };
  EXPECT_TRUE(w.scheduler.retry(a, w.now));
  w.run();
  EXPECT_FALSE(w.disk.contains(a));
  EXPECT_TRUE(w.disk.contains(b));
  EXPECT_FALSE(w.scheduler.retry(a, w.now));
  w.scheduler.retry_all(w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, RetryOfAMessageThatIsBeingTriedTriesItOnceMoreAfterwards) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive();
  EXPECT_TRUE(w.scheduler.retry(id, w.now));
  w.report(id, 'Z', "not yet");
  EXPECT_EQ(w.attempts.size(), 2u);
  w.report(id, 'Z', "not yet");
  EXPECT_EQ(w.attempts.size(), 2u);
}

TEST(Scheduler, OneThatIsAskedForIsTriedBeforeItsTimeAlsoIfItIsNotKnownYet) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive();
  w.scheduler = Scheduler({}, 1);
  w.scheduler.spawner_up(w.now);
  w.scheduler.found(id, 0, w.now);  // its log was cut off: that says nothing
  w.run();
  EXPECT_EQ(w.attempts.size(), 1u);
  w.scheduler = Scheduler({}, 1);
  w.scheduler.spawner_up(w.now);
  w.scheduler.ask_for(id, w.now);
  w.run();
  EXPECT_EQ(w.attempts.size(), 2u);
}

TEST(Scheduler, ANextTimeAbsurdlyFarAheadIsDueAtAStart) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.put(1, Place::deferred);
  w.disk.at(id).state.next_us = w.now + 2 * kLongestWaitSeconds * kSecond;
  w.restart();
  EXPECT_EQ(w.attempts.size(), 1u) << "no clock that was right gave it";
  w.disk.at(id).state.next_us = w.now + (kLongestWaitSeconds + 60) * kSecond;
  w.restart();
  EXPECT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(Time{*w.scheduler.next_due_s()} * kSecond, w.now + kLongestWaitSeconds * kSecond);
}

// Whatever the clock says, it was a moment ago that they were tried.
TEST(Scheduler, AClockSetByYearsNeitherShortensNorProlongsAWait) {
  for (const Time years : {-50, -10, 10, 50, 70}) {
    World w;
    w.deliver = [](const Start&) { return 'Z'; };
    w.arrive();
    w.pass(30 * kSecond);
    ASSERT_EQ(w.attempts.size(), 1u);
    w.now += years * 365 * 86400 * kSecond;
    w.scheduler.clock_stepped(years * 365 * 86400 * kSecond, w.now);
    w.run();
    EXPECT_EQ(w.attempts.size(), 1u) << years;
    w.pass(80 * kSecond);
    EXPECT_EQ(w.attempts.size(), 2u) << years;
    EXPECT_THAT(w.notices, IsEmpty()) << years;
  }
}

TEST(Scheduler, WhatIsOpenWhenTheClockIsSetWaitsNoLongerAndNoLess) {
  for (const Time years : {-10, 10}) {
    World w;
    w.deliver = [](const Start& s) { return s.recipient == 0 ? std::optional('Z') : std::nullopt; };
    const Id id = w.arrive(2);
    w.now += years * 365 * 86400 * kSecond;
    w.scheduler.clock_stepped(years * 365 * 86400 * kSecond, w.now);
    w.report(id, 'K', "done");
    EXPECT_EQ(w.attempts.size(), 2u) << years;
    w.pass(110 * kSecond);
    EXPECT_EQ(w.attempts.size(), 3u) << years;
  }
}

TEST(Scheduler, OneThatWasPutOffWhenTheClockIsSetBackIsTriedWithinADay) {
  World w;
  w.deliver = [](const Start& s) { return s.recipient == 0 ? 'Z' : 'K'; };
  const Id id = w.put(2, Place::deferred);
  w.disk.at(id).state.next_us = w.now;
  w.disk.at(id).state.recipients[0].attempts = 1;
  w.disk.at(id).state.recipients[0].last_us = w.now - 10 * kSecond;
  w.deliver = [](const Start&) { return std::nullopt; };
  w.restart();
  ASSERT_EQ(w.attempts.size(), 1u) << "the other one's";
  const Time year = 365 * 86400 * kSecond;
  w.now -= year;
  w.scheduler.clock_stepped(-year, w.now);
  w.report(id, 'K', "done");
  w.deliver = [](const Start&) { return 'K'; };
  w.pass(kLongestWaitSeconds * kSecond);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, AfterAClockSetForwardByYearsAMessageHasItsAttemptsDaysApart) {
  World w;
  w.deliver = [&w](const Start& s) { return w.disk.at(s.id).notice_about ? 'K' : 'Z'; };
  w.arrive();
  const Time years = Time{10} * 365 * 86400 * kSecond;
  w.now += years;
  w.scheduler.clock_stepped(years, w.now);
  const Time set = w.now;
  w.pass(86400 * kSecond);
  EXPECT_THAT(w.notices, IsEmpty());
  w.pass(86400 * kSecond);
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_GE(w.attempts[2].at, set + 86400 * kSecond);
}

// When it came is no help; the attempts count.
TEST(Scheduler, AMessageOfAClockThatWasAheadIsTriedAndReturnedLikeAnyOther) {
  World w;
  w.deliver = [&w](const Start& s) { return w.disk.at(s.id).notice_about ? 'K' : 'Z'; };
  const Id id = w.put(1);
  w.disk.at(id).arrival = w.now + Time{70} * 365 * 86400 * kSecond;
  w.scheduler.arrived(id, w.now);
  w.run();
  w.until(kStart + Time{6} * 86400 * kSecond);
  EXPECT_GT(w.attempts.size(), 60u);
  EXPECT_LT(w.attempts.size(), 81u);
  EXPECT_THAT(w.notices, IsEmpty());
  w.until(kStart + Time{9} * 86400 * kSecond);
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, AClockSetBackByAYearDelaysNothingForAYear) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.arrive();
  const Time year = 365 * 86400 * kSecond;
  w.now -= year;
  w.scheduler.clock_stepped(-year, w.now);
  w.deliver = [](const Start&) { return 'K'; };
  w.pass(kLongestWaitSeconds * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
}

TEST(Scheduler, ThousandsOfMessagesAreAllDeliveredOnce) {
  World w;
  std::vector<Id> ids;
  for (int i = 0; i < 10'000; ++i) ids.push_back(w.put(1));
  for (const Id& id : ids) w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 10'000u);
}

TEST(Scheduler, ThousandsOfFailingMessagesEndInANoticeEach) {
  World w;
  std::mt19937 random(3);
  w.deliver = [&](const Start& s) {
    return w.disk.at(s.id).notice_about ? 'K' : "KZD"[random() % 3];
  };
  for (int i = 0; i < 2000; ++i) w.arrive(3);
  w.until(kStart + 9 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_GT(w.failures.size(), 1000u);
  EXPECT_EQ(w.failures, w.tellings);
  EXPECT_EQ(w.scheduler.waiting(), 0u);
  EXPECT_EQ(w.scheduler.open(), 0u);
}

// ---- the spawner and the end

TEST(Scheduler, LosingTheSpawnerDefersWhatRuns) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive(2);
  w.running.clear();
  w.scheduler.spawner_lost(w.now);
  w.run();
  EXPECT_EQ(w.disk.at(id).state.recipients[1].text,
            "the spawner ended while this delivery ran (#4.3.0)");
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
}

TEST(Scheduler, StopWaitsForWhatRunsAndRecordsIt) {
  World w({.deliveries = 2});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive(3);
  w.scheduler.stop(w.now);
  w.run();
  EXPECT_FALSE(w.scheduler.stopped());
  w.report(id, 'K', "");
  w.report(id, 'D', "never");
  EXPECT_TRUE(w.scheduler.stopped());
  const auto& state = w.disk.at(id).state;
  EXPECT_EQ(state.recipients[0].status, queue::State::Status::delivered);
  EXPECT_EQ(state.recipients[1].status, queue::State::Status::failed);
  EXPECT_EQ(state.recipients[2].status, queue::State::Status::waiting);
  EXPECT_EQ(w.disk.at(id).place, Place::incoming);
  w.deliver = [](const Start&) { return 'K'; };
  w.restart();
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 1u);
}

TEST(Scheduler, StopStartsNothingNew) {
  World w;
  w.scheduler.stop(w.now);
  w.arrive();
  EXPECT_THAT(w.attempts, IsEmpty());
  EXPECT_TRUE(w.scheduler.stopped());
}

TEST(Scheduler, StopDoesNotWaitForADiskThatFails) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  w.arrive();
  w.scheduler.stop(w.now);
  EXPECT_TRUE(w.scheduler.stopped());
}

}  // namespace
}  // namespace porpoise::send
