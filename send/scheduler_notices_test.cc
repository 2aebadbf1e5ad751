#include "send/simulator.h"

namespace porpoise::send {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- failures and notices

TEST(Scheduler, AFailureIsRecordedWithTheIntentThenReportedThenRecordedAsReported) {
  World w;
  const Id id = w.put(1);
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.writes.size(), 4u);  // both in one record's barrier; noticed; the two removals
  EXPECT_EQ(w.writes[0].events->at(0).kind, Kind::failed);
  EXPECT_EQ(w.writes[0].events->at(1).kind, Kind::intent);
  EXPECT_EQ(w.writes[1].events->at(0).kind, Kind::noticed);
  EXPECT_EQ(w.writes[1].events->at(0).notice, w.notices[0]);
  EXPECT_THAT(w.log, Contains("bounce msg " + id.text() + " qp " + w.notices[0].text()));
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, ANoticeIsNotTriedBeforeItIsRecordedAsQueued) {
  World w;
  const Id id = w.put(1);
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.disk_does = [](const Write& a) {
    return !a.events->empty() && a.events->front().kind == Kind::noticed ? Outcome::trouble
                                                                         : Outcome::ok;
  };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.notices.size(), 1u);
  w.scheduler.arrived(w.notices[0], w.now);  // a scan finds it
  w.run();
  EXPECT_EQ(w.attempts.size(), 1u);
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.pass(kTroubleDelay);
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, OneNoticeForAllThatFailedWhenAllHaveBeenTried) {
  World w({.deliveries = 2});
  const Id id = w.put(6);
  w.deliver = [id](const Start& s) { return s.id != id ? 'K' : s.recipient % 2 == 0 ? 'D' : 'Z'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(0u, 2u, 4u));
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
}

TEST(Scheduler, AFailureIsReportedAfterFiveMinutesThoughAnotherDeliveryStillRuns) {
  World w;
  const Id id = w.put(2);
  w.deliver = [id](const Start& s) -> std::optional<char> {
    if (s.id != id) return 'K';
    return s.recipient == 0 ? std::optional('D') : std::nullopt;
  };
  w.scheduler.arrived(id, w.now);
  w.run();
  w.pass(kNoticeDelay - kSecond);
  EXPECT_THAT(w.notices, IsEmpty());
  w.pass(kSecond);
  EXPECT_EQ(w.notices.size(), 1u);
  w.report(id, 'K', "");
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 1u);
}

// RFC 3461 section 5.2.7
TEST(SchedulerNotify, WhoseFailureNobodyWantsToKnowIsInNoNotice) {
  World w;
  const Id id = w.put(3);
  w.disk.at(id).untold = {1};
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(0u, 2u));
  EXPECT_THAT(w.of_log("no bounce"),
              ElementsAre("no bounce msg " + id.text() + ": its sender wants none"));
  EXPECT_TRUE(w.disk.empty());
}

TEST(SchedulerNotify, AMessageOfWhichNobodyWantsToKnowAnythingJustEnds) {
  World w;
  const Id id = w.put(2);
  w.disk.at(id).untold = {0, 1};
  w.deliver = [](const Start&) { return 'D'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.of_log("no bounce").size(), 1u);
  EXPECT_THAT(w.log, Contains("end msg " + id.text()));
}

TEST(SchedulerNotify, WhatFailsWhileOthersWaitIsRecordedAndNeverTold) {
  World w;
  const Id id = w.put(2);
  w.disk.at(id).untold = {0};
  w.deliver = [](const Start& s) { return s.recipient == 0 ? 'D' : 'Z'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.disk.at(id).state.recipients[0].status, queue::State::Status::failed);
  w.restart();
  w.deliver = [](const Start&) { return 'K'; };
  w.pass(86400 * kSecond);
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_TRUE(w.disk.empty());
}

TEST(SchedulerNotify, ARecipientThatIsRefusedIsNotToldEither) {
  World w;
  const Id id = w.put(1);
  w.disk.at(id).unroutable = {0};
  w.disk.at(id).untold = {0};
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, ARecipientWithoutARouteFailsWithoutASlot) {
  World w;
  const Id id = w.put(2);
  w.disk.at(id).unroutable = {1};
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(1u));
  EXPECT_THAT(w.of_log("remote x@far"),
              ElementsAre("starting delivery 1: msg " + id.text() + " to remote x@far"));
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, FailuresOfTheDoubleBounceSenderAreDiscardedWithALine) {
  World w;
  w.deliver = [](const Start&) { return 'D'; };
  const Id id = w.put(1);
  w.disk.at(id).reports = false;
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_TRUE(w.disk.empty());
  EXPECT_THAT(w.log, Contains("triple bounce: discarding " + id.text()));
}

TEST(Scheduler, ANoticeThatCannotBeQueuedKeepsTheMessageAndIsTriedAgainUnderItsId) {
  World w;
  const Id id = w.put(1);
  std::vector<Id> asked;
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.bounce = [&](const QueueNotice& a) {
    asked.push_back(a.id);
    return asked.size() > 2;
  };
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_TRUE(w.disk.contains(id));
  EXPECT_TRUE(w.scheduler.idle(w.now));
  w.pass(3 * kTroubleDelay);
  EXPECT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0], asked[2]);
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, NoMoreNoticesAreQueuedAtOnceThanTheLimit) {
  // The world's bounce answers at once; this one waits.
  std::vector<QueueNotice> asked;
  Scheduler s({.deliveries = 10, .notices = 2}, 1);
  s.spawner_up(kStart);
  for (int i = 0; i < 5; ++i) s.arrived(Id::make(kStart, static_cast<std::uint64_t>(i)), kStart);
  Loaded l;
  l.arrival = kStart;
  l.recipients = {Loaded::Recipient::failed};
  const auto step = [&] {
    for (const Action& action : s.take()) {
      if (const auto* load = std::get_if<Load>(&action)) s.loaded(load->id, l, kStart);
      if (const auto* write = std::get_if<Write>(&action))
        s.written(write->id, Outcome::ok, kStart);
      if (const auto* notice = std::get_if<QueueNotice>(&action)) asked.push_back(*notice);
    }
  };
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_FALSE(s.wake().has_value() && *s.wake() <= kStart);
  s.notice_done(asked[0].about, true, kStart);
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(asked.size(), 3u);
}

// ---- crashes at every point of a notice's life

TEST(Scheduler, ACrashAnywhereLosesNoNoticeAndQueuesNoneTwice) {
  for (int crash_at = 0; crash_at < 8; ++crash_at) {
    World w;
    const Id id = w.put(2);
    w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
    int steps = 0;
    bool dead = false;
    const auto alive = [&] {
      if (steps++ == crash_at) dead = true;
      return !dead;
    };
    w.disk_does = [&](const Write&) { return alive() ? Outcome::ok : Outcome::trouble; };
    w.bounce = [&](const QueueNotice&) { return alive(); };
    w.scheduler.arrived(id, w.now);
    w.run();
    w.disk_does = [](const Write&) { return Outcome::ok; };
    w.bounce = [](const QueueNotice&) { return true; };
    w.restart();
    w.pass(3600 * kSecond);
    EXPECT_TRUE(w.disk.empty()) << crash_at;
    EXPECT_EQ(w.notices.size(), 1u) << crash_at;
  }
}

// The intent is on disk and so is the notice, but not that it is queued: the notice, found first,
// waits for the message it is about.
TEST(Scheduler, ANoticeFoundByAScanWaitsUntilItsIntentIsClosed) {
  World w;
  const Id id = w.put(1, Place::deferred);
  const Id notice = Id::make(w.now + 1, 9);
  Sim& about = w.disk.at(id);
  about.state.recipients[0].status = queue::State::Status::failed;
  about.state.recipients[0].noticed = true;
  about.state.open_intents[notice] = {0};
  about.state.next_us = w.now + 5000 * kSecond;
  Sim sim;
  sim.state.recipients.resize(1);
  sim.notice_about = id;
  w.disk[notice] = sim;
  w.scheduler.arrived(notice, w.now);  // the message itself is not known yet
  w.run();
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 1u);
  ASSERT_EQ(w.writes.size(), 3u);
  EXPECT_EQ(w.writes[0].id, id);
  EXPECT_EQ(w.writes[0].events->at(0).kind, Kind::noticed);
  EXPECT_THAT(w.notices, IsEmpty());  // not queued a second time
}

}  // namespace
}  // namespace porpoise::send
