#include "send/simulator.h"

namespace porpoise::send {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- the first attempt

TEST(Scheduler, AMessageThatIsDeliveredAtOnceWritesNothingAndIsRemoved) {
  World w;
  const Id id = w.arrive();
  EXPECT_TRUE(w.disk.empty());
  ASSERT_EQ(w.writes.size(), 1u);
  EXPECT_TRUE(w.writes[0].events->empty());
  EXPECT_EQ(w.writes[0].then, Write::Then::remove);
  EXPECT_THAT(w.log, ElementsAre("status: local 1/10 remote 0/20", "delivery 1: success: did_1+0+0",
                                 "status: local 0/10 remote 0/20", "end msg " + id.text()));
  EXPECT_TRUE(w.scheduler.idle(w.now));
}

TEST(Scheduler, AnArrivalStartsItsDeliveryWithoutAnyTimer) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  w.arrive();
  ASSERT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(w.attempts[0].at, kStart);
}

TEST(Scheduler, AKnownMessageIsNoNews) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive();
  w.scheduler.arrived(id, w.now);
  w.scheduler.found(id, 0, w.now);
  w.run();
  w.report(id, 'Z', "later");
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(w.scheduler.waiting(), 1u);
}

TEST(Scheduler, AMessageWithoutRecipientsIsRemovedWithAWarning) {
  World w;
  const Id id = w.arrive(0);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_THAT(w.log, Contains("warning: msg " + id.text() + " has no recipients"));
}

TEST(Scheduler, WithoutASpawnerNothingStartsUntilThereIsOne) {
  World w;
  w.scheduler.spawner_lost(w.now);
  w.arrive();
  EXPECT_THAT(w.attempts, IsEmpty());
  w.scheduler.spawner_up(w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
}

// ---- recording

// R1123-5.3.1.1-s54-retry-soft R1123-5.3.1.1-s54-delay-retry
TEST(Scheduler, ADeferralIsRecordedMovedAndTriedAgainOnSchedule) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive();
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
  EXPECT_EQ(w.disk.at(id).state.recipients[0].text, "because");
  EXPECT_EQ(w.disk.at(id).state.attempts, 1u);
  EXPECT_GE(w.disk.at(id).state.next_us, kStart + 100 * kSecond);
  EXPECT_LE(w.disk.at(id).state.next_us, kStart + 107 * kSecond);
  w.until(kStart + 99 * kSecond);
  EXPECT_EQ(w.attempts.size(), 1u);
  w.deliver = [](const Start&) { return 'K'; };
  w.until(kStart + 107 * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, SuccessesAreRecordedWithinASecondWhileOthersRun) {
  World w;
  w.deliver = [](const Start& s) { return s.recipient == 2 ? std::nullopt : std::optional('K'); };
  const Id id = w.arrive(3);
  EXPECT_THAT(w.writes, IsEmpty());
  w.pass(kRecordDelay);
  ASSERT_EQ(w.writes.size(), 1u);
  EXPECT_EQ(w.writes[0].then, Write::Then::stay);
  ASSERT_EQ(w.writes[0].events->size(), 1u);  // one text, one record
  EXPECT_THAT(w.writes[0].events->front().recipients, ElementsAre(0u, 1u));
  w.restart();  // World fails where one that is done is tried again
  EXPECT_EQ(w.attempts.back().id, id);
  EXPECT_EQ(w.attempts.back().recipient, 2u);
  EXPECT_EQ(w.attempts.size(), 4u);
}

TEST(Scheduler, ADeliveredRecipientOfADeferredMessageIsNeverTriedAgain) {
  World w;
  w.deliver = [](const Start& s) { return s.recipient == 0 ? 'Z' : 'K'; };
  w.arrive(3);
  w.restart();
  w.pass(3600 * kSecond);
  std::multiset<std::uint32_t> tried;
  for (const Attempt& a : w.attempts) tried.insert(a.recipient);
  EXPECT_EQ(tried.count(1), 1u);
  EXPECT_EQ(tried.count(2), 1u);
  EXPECT_EQ(tried.count(0), 6u);  // at ages 0, 100, 400, 900, 1600 and 2500, each a bit later
}

TEST(Scheduler, ProgressNotesAreRecordedAndOnlyTheLastOne) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive();
  w.scheduler.noted(0, "line 1", w.now);
  for (int i = 0; i < 20; ++i) {  // a busy delivery does not put the record off
    w.pass(kSecond / 10);
    w.scheduler.noted(0, fmt::format("line {}", i), w.now);
  }
  w.run();
  EXPECT_GE(w.writes.size(), 1u);
  EXPECT_LE(w.writes.size(), 3u);
  w.report(id, 'Z', "later", "the last");
  EXPECT_EQ(w.disk.at(id).state.recipients[0].progress, "the last");
}

TEST(Scheduler, NotesAndReportsOfSlotsNotInUseAreIgnored) {
  World w;
  w.scheduler.noted(3, "x", w.now);
  w.scheduler.noted(300, "x", w.now);
  w.scheduler.reported(3, 'K', "x", "", w.now);
  w.scheduler.reported(300, 'K', "x", "", w.now);
  w.run();
  EXPECT_THAT(w.log, ElementsAre("warning: a report about slot 3, which is not in use",
                                 "warning: a report about slot 300, which is not in use"));
}

TEST(Scheduler, AFailedWriteIsDoneAgainLaterAndNothingDependsOnItBefore) {
  World w;
  w.deliver = [](const Start&) { return 'D'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  const Id id = w.arrive();
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_EQ(w.writes.size(), 1u);
  EXPECT_TRUE(w.scheduler.idle(w.now));
  w.pass(kTroubleDelay);
  EXPECT_EQ(w.writes.size(), 2u);
  EXPECT_THAT(w.notices, IsEmpty());
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.deliver = [](const Start&) { return 'K'; };
  w.pass(kTroubleDelay);
  EXPECT_EQ(w.notices.size(), 1u);  // one: the intent kept its id
  EXPECT_TRUE(w.disk.empty()) << id.text();
}

TEST(Scheduler, TroubleWithOneMessageDelaysNoOther) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  w.arrive();
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.deliver = [](const Start&) { return 'K'; };
  const Id other = w.arrive();
  EXPECT_FALSE(w.disk.contains(other));
}

TEST(Scheduler, ADamagedMessageIsSetAsideAndTheOthersGoOn) {
  World w;
  w.reads = [](const Id&) { return Outcome::damaged; };
  const Id bad = w.arrive();
  w.reads = [](const Id&) { return Outcome::ok; };
  w.arrive();
  EXPECT_EQ(w.set_aside, 1);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_FALSE(w.scheduler.knows(bad));
}

TEST(Scheduler, AMessageWhoseContentIsDamagedIsSetAsideWithAllItsDeliveries) {
  World w({.deliveries = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive(9);
  w.running.clear();
  w.deliver = [](const Start&) { return 'K'; };
  const Id other = w.arrive();
  w.scheduler.damaged(id, w.now);
  w.run();
  w.scheduler.damaged(other, w.now);  // not open any more: nothing
  w.run();
  EXPECT_EQ(w.set_aside, 1);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 4u);
  EXPECT_EQ(w.scheduler.running(Channel::local), 0u);
}

TEST(Scheduler, AMessageThatCannotBeReadNowIsReadLater) {
  World w;
  w.reads = [](const Id&) { return Outcome::trouble; };
  w.arrive();
  EXPECT_EQ(w.scheduler.waiting(), 1u);
  w.reads = [](const Id&) { return Outcome::ok; };
  w.pass(kTroubleDelay);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, AMessageThatVanishedIsForgotten) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive();
  w.disk.clear();
  w.pass(3600 * kSecond);
  EXPECT_EQ(w.scheduler.waiting(), 0u);
  EXPECT_FALSE(w.scheduler.knows(id));
}

TEST(Scheduler, AMoveThatACrashCutShortIsFinishedWithoutAnAttempt) {
  World w;
  const Id id = w.put(1);
  w.disk.at(id).state.next_us = w.now + 500 * kSecond;
  w.restart();
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
  EXPECT_THAT(w.attempts, IsEmpty());
  w.pass(500 * kSecond);
  EXPECT_EQ(w.attempts.size(), 1u);
}

TEST(Scheduler, AHeldMessageIsNotTried) {
  World w;
  const Id id = w.put(1);
  w.disk.at(id).held = true;
  w.restart();
  EXPECT_THAT(w.attempts, IsEmpty());
  EXPECT_TRUE(w.disk.contains(id));
}

// ---- the watched message

TEST(Scheduler, OfTheWatchedMessageEachAttemptIsTold) {
  World w;
  w.deliver = [](const Start& s) { return "KZDK"[s.recipient]; };
  const Id id = w.put(4);
  w.disk.at(id).unroutable.insert(3);
  w.scheduler.watch(id);
  w.arrive();
  EXPECT_THAT(w.tellings_of_watched, IsEmpty());
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.tellings_of_watched,
              ElementsAre("3 D no route (#5.1.2)", "0 K did 1+0+0", "1 Z because", "2 D because"));
}

TEST(Scheduler, ADeferralOfTheLastAttemptIsToldAsTheFailureItIs) {
  World w({.lifetime_s = 0});
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.put(1);
  w.pass(2 * kSecond);
  w.scheduler.watch(id);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.tellings_of_watched, ElementsAre("0 D because"));
}

}  // namespace
}  // namespace porpoise::send
