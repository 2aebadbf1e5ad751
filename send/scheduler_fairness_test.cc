#include "send/simulator.h"

namespace porpoise::send {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- fairness and limits

TEST(Scheduler, NeverMoreDeliveriesThanSlots) {
  World w({.deliveries = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 20; ++i) w.arrive(5);
  EXPECT_EQ(w.running.size(), 3u);
  EXPECT_LE(w.scheduler.open(), 6u);  // and no more is read ahead than keeps them busy
}

TEST(Scheduler, FirstAttemptsAndRetriesEachGetHalfOfTheSlots) {
  World w({.deliveries = 10});
  w.deliver = [](const Start&) { return 'Z'; };
  for (int i = 0; i < 50; ++i) w.arrive();
  w.deliver = [](const Start&) { return std::nullopt; };
  w.scheduler.spawner_lost(w.now);
  w.scheduler.retry_all(w.now);
  for (int i = 0; i < 50; ++i) w.arrive();
  w.scheduler.spawner_up(w.now);
  w.run();
  int retries = 0;
  for (const auto& [slot, start] : w.running) {
    if (w.disk.at(start.id).state.attempts > 0) ++retries;
  }
  EXPECT_EQ(w.running.size(), 10u);
  EXPECT_EQ(retries, 5);
}

TEST(Scheduler, EitherMayHaveAllSlotsWhereTheOtherDoesNotWait) {
  World w({.deliveries = 4});
  w.deliver = [](const Start&) { return 'Z'; };
  for (int i = 0; i < 8; ++i) w.arrive();
  w.deliver = [](const Start&) { return std::nullopt; };
  w.scheduler.retry_all(w.now);
  w.run();
  EXPECT_EQ(w.running.size(), 4u);
}

TEST(Scheduler, ALongListTakesTurnsWithOtherMessages) {
  World w({.deliveries = 2});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id list = w.arrive(1000);
  const Id other = w.arrive(1);
  w.report(list, 'K', "");
  w.report(list, 'K', "");
  std::set<Id> now_running;
  for (const auto& [slot, start] : w.running) now_running.insert(start.id);
  EXPECT_TRUE(now_running.contains(other));
}

// ---- a disk that is slow

TEST(SchedulerReading, OneThatIsNotReadDelaysNobodyElse) {
  World w({.deliveries = 3});
  Id stuck;
  w.reads = [&](const Id& id) { return id == stuck ? std::nullopt : std::optional(Outcome::ok); };
  stuck = w.put(1);
  w.scheduler.arrived(stuck, w.now);
  w.run();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(w.disk.contains(w.arrive())) << "it had to wait";
  EXPECT_EQ(w.loads, 11u);
  EXPECT_FALSE(w.scheduler.idle(w.now));
  w.pass(86400 * kSecond);
  w.read_at_last(stuck);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 11u);
}

TEST(SchedulerReading, AsManyAsThereAreSlotsTakeNoPlaceAfterAMoment) {
  World w({.deliveries = 3, .open_per_class = 5});
  bool stuck = true;
  w.reads = [&](const Id&) { return stuck ? std::nullopt : std::optional(Outcome::ok); };
  for (int i = 0; i < 3; ++i) w.arrive();
  EXPECT_EQ(w.loads, 3u);
  stuck = false;
  const Id other = w.arrive();
  EXPECT_TRUE(w.disk.contains(other)) << "no further is read ahead";
  w.pass(kSlowReading);
  EXPECT_FALSE(w.disk.contains(other));
  EXPECT_EQ(w.disk.size(), 3u);
}

TEST(SchedulerReading, ALocalOneThatIsStuckKeepsNobodyFromLookingForRemoteMail) {
  World w({.deliveries = 1, .remote = 2});
  w.deliver = [](const Start& s) {
    return s.channel == Channel::local ? std::nullopt : std::optional('K');
  };
  Id stuck;
  w.reads = [&](const Id& id) { return id == stuck ? std::nullopt : std::optional(Outcome::ok); };
  w.arrive();
  w.arrive();
  stuck = w.put(1);
  w.scheduler.arrived(stuck, w.now);
  w.run();
  w.pass(kSlowReading);
  const Id far = w.arrive_for_elsewhere();
  EXPECT_FALSE(w.disk.contains(far));
}

TEST(SchedulerReading, AtAStopNobodyWaitsForOneThatIsNotRead) {
  World w;
  w.reads = [](const Id&) { return std::nullopt; };
  const Id id = w.arrive();
  w.scheduler.stop(w.now);
  w.run();
  EXPECT_TRUE(w.scheduler.stopped());
  EXPECT_FALSE(w.scheduler.reads(id));
  w.read_at_last(id);  // too late
  EXPECT_TRUE(w.scheduler.stopped());
  EXPECT_TRUE(w.attempts.empty());
  EXPECT_TRUE(w.disk.contains(id));
}

TEST(SchedulerReading, WhatIsAskedForMeanwhileIsTriedAtOnceAndOnce) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive();
  w.reads = [](const Id&) { return std::nullopt; };
  EXPECT_TRUE(w.scheduler.retry(id, w.now));
  w.run();
  EXPECT_TRUE(w.scheduler.retry(id, w.now));
  w.scheduler.retry_all(w.now);
  w.reads = [](const Id&) { return Outcome::ok; };
  w.pass(kSecond);
  w.read_at_last(id);
  EXPECT_EQ(w.attempts.size(), 2u);
  w.pass(10 * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
}

TEST(SchedulerReading, AFailureAfterALongTimeIsAFailure) {
  World w;
  w.reads = [](const Id&) { return std::nullopt; };
  const Id id = w.arrive();
  w.pass(60 * kSecond);
  w.scheduler.load_failed(id, Outcome::trouble, w.now);
  w.reads = [](const Id&) { return Outcome::ok; };
  w.pass(kTroubleDelay);
  EXPECT_TRUE(w.disk.empty());
}

// ---- two channels

std::size_t count_of(const World& w, Channel channel) {
  return static_cast<std::size_t>(std::ranges::count_if(
      w.running, [channel](const auto& r) { return r.second.channel == channel; }));
}

TEST(SchedulerChannels, EachHasItsOwnSlots) {
  World w({.deliveries = 2, .remote = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.put(10);
  for (std::uint32_t i = 0; i < 5; ++i) w.disk.at(id).elsewhere.insert(i);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(count_of(w, Channel::local), 2u);
  EXPECT_EQ(count_of(w, Channel::remote), 3u);
  EXPECT_THAT(w.log, Contains("status: local 2/2 remote 3/3"));
}

TEST(SchedulerChannels, ADeadNetworkHoldsUpNoLocalMail) {
  World w({.deliveries = 2, .remote = 3, .open_per_class = 10});
  w.deliver = [](const Start& s) {
    return s.channel == Channel::remote ? std::nullopt : std::optional('K');
  };
  for (int i = 0; i < 500; ++i) w.arrive_for_elsewhere();
  EXPECT_EQ(count_of(w, Channel::remote), 3u);
  EXPECT_LE(w.scheduler.open(), 10u);
  w.pass(60 * kSecond);
  const Id local = w.arrive();
  EXPECT_FALSE(w.disk.contains(local)) << "it had to wait";
  EXPECT_EQ(w.disk.size(), 500u);
  EXPECT_FALSE(w.scheduler.idle(w.now));
}

TEST(SchedulerChannels, NorDoMessagesForBothWhoseLocalPartIsDone) {
  World w({.deliveries = 2, .remote = 3, .open_per_class = 10});
  w.deliver = [](const Start& s) {
    return s.channel == Channel::remote ? std::nullopt : std::optional('K');
  };
  std::vector<Id> mixed;
  for (int i = 0; i < 100; ++i) {
    mixed.push_back(w.put(2));
    w.disk.at(mixed.back()).elsewhere.insert(1);
    w.scheduler.arrived(mixed.back(), w.now);
    w.run();
  }
  w.pass(60 * kSecond);
  for (const Id& id : mixed) {
    const bool runs = std::ranges::any_of(w.running, [&](auto& r) { return r.second.id == id; });
    const auto& status = w.disk.at(id).state.recipients[0].status;
    EXPECT_TRUE(runs || status == queue::State::Status::delivered) << "not tried, or not recorded";
  }
  const Id local = w.arrive();
  EXPECT_FALSE(w.disk.contains(local));
  w.restart();  // World fails where one that is done is tried again
}

TEST(SchedulerChannels, WhatIsParkedTakesItsTurnsInOrder) {
  World w({.deliveries = 2, .remote = 3, .open_per_class = 10});
  w.deliver = [](const Start&) { return std::nullopt; };
  std::vector<Id> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(w.arrive_for_elsewhere());
  w.pass(kSecond);
  for (std::size_t n = 0; !w.running.empty(); ++n) {
    ASSERT_LT(n, 200u);
    const Id id = w.running.begin()->second.id;
    w.report(id, 'K', "sent");
    w.pass(kSecond);
  }
  EXPECT_TRUE(w.disk.empty());
  ASSERT_EQ(w.attempts.size(), 200u);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(w.attempts[i].id, ids[i]) << i;
  EXPECT_TRUE(w.scheduler.idle(w.now));
  EXPECT_EQ(w.scheduler.waiting(), 0u);
}

TEST(SchedulerChannels, NotMoreIsReadAtOnceThanAFewParkedOnes) {
  World w({.deliveries = 2, .remote = 1});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 10 * static_cast<int>(kParkedInARow); ++i) {
    const Id id = w.put(1, Place::deferred);
    w.disk.at(id).elsewhere.insert(0);
    w.scheduler.found(id, 0, w.now);
  }
  w.run();
  EXPECT_LE(w.loads, kParkedInARow + 15);
  ASSERT_TRUE(w.scheduler.wake());
  EXPECT_EQ(*w.scheduler.wake(), w.now + kRest[1]);
  w.pass(kSecond);
  EXPECT_GE(w.loads, 10 * kParkedInARow);
}

TEST(SchedulerChannels, ABurstOfLocalMailIsReadOnce) {
  World w({.deliveries = 2, .remote = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 5000; ++i) w.arrive();
  w.pass(kSecond);
  EXPECT_LE(w.loads, 4 * kParkedInARow);
  const Id far = w.put(1, Place::deferred);
  w.disk.at(far).elsewhere.insert(0);
  w.scheduler.found(far, 0, w.now);  // and a retry is another class
  w.pass(2 * kSecond);
  EXPECT_EQ(count_of(w, Channel::remote), 1u);
}

TEST(SchedulerChannels, AParkedMessageIsKnownAndCounted) {
  World w({.deliveries = 1, .remote = 1});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 3; ++i) w.arrive_for_elsewhere();
  const Id last = w.arrive_for_elsewhere();
  w.pass(kSecond);
  EXPECT_EQ(w.scheduler.waiting() + w.scheduler.open(), 4u);
  EXPECT_TRUE(w.scheduler.knows(last));
  EXPECT_TRUE(w.scheduler.retry(last, w.now));
  w.scheduler.arrived(last, w.now);
  w.scheduler.retry_all(w.now);
  w.run();
  EXPECT_EQ(w.scheduler.waiting() + w.scheduler.open(), 4u);
}

TEST(SchedulerChannels, WhatIsParkedIsLeftAtTheEnd) {
  World w({.deliveries = 1, .remote = 1});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id first = w.arrive_for_elsewhere();
  for (int i = 0; i < 5; ++i) w.arrive_for_elsewhere();
  w.pass(kSecond);
  w.scheduler.stop(w.now);
  w.run();
  w.report(first, 'K', "sent");
  EXPECT_TRUE(w.scheduler.stopped());
  EXPECT_EQ(w.disk.size(), 5u);
}

TEST(SchedulerChannels, AHeldChannelTriesNothingAndTheOtherGoesOn) {
  World w({.deliveries = 2, .remote = 0});
  const Id held = w.arrive_for_elsewhere();
  const Id both = w.put(2);
  w.disk.at(both).elsewhere.insert(1);
  w.scheduler.arrived(both, w.now);
  w.run();
  w.arrive();
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_EQ(w.disk.at(both).state.recipients[0].status, queue::State::Status::delivered);
  EXPECT_EQ(w.disk.at(held).place, Place::incoming);
  EXPECT_TRUE(w.scheduler.idle(w.now));
  w.pass(3600 * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_EQ(w.disk.at(held).state.attempts, 0u);
  EXPECT_LE(w.loads, 5u);  // it does not turn in circles
}

TEST(SchedulerChannels, WhatIsHeldIsDueForAnotherSendThatHasSlots) {
  World w({.remote = 0});
  w.arrive_for_elsewhere();
  std::vector<std::uint32_t> times;
  w.scheduler.for_each_waiting([&](const WaitingSet::Entry& e) { times.push_back(e.next_s); });
  EXPECT_THAT(times, ElementsAre(kDue));
}

TEST(SchedulerChannels, WhatIsLeftOfAMessageStaysWhereItIsForAHeldChannel) {
  World w({.remote = 0});
  const Id both = w.put(2);
  w.disk.at(both).elsewhere.insert(1);
  w.scheduler.arrived(both, w.now);
  w.run();
  EXPECT_EQ(w.disk.at(both).place, Place::incoming);
  w.scheduler.limit({}, w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
}

TEST(SchedulerChannels, HoldingLocalMailHoldsNoneForElsewhere) {
  World w({.deliveries = 0, .remote = 2});
  const Id local = w.arrive();
  w.arrive_for_elsewhere();
  EXPECT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(w.disk.size(), 1u);
  EXPECT_EQ(w.disk.at(local).place, Place::incoming);
  EXPECT_TRUE(w.scheduler.idle(w.now));
}

TEST(SchedulerChannels, MailForElsewhereIsTriedLessOften) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive_for_elsewhere();
  EXPECT_GE(w.disk.at(id).state.next_us, kStart + 400 * kSecond);
  EXPECT_LE(w.disk.at(id).state.next_us, kStart + 426 * kSecond);
  const Id both = w.put(2);
  w.disk.at(both).elsewhere.insert(1);
  w.scheduler.arrived(both, w.now);
  w.run();
  EXPECT_LE(w.disk.at(both).state.next_us, kStart + 107 * kSecond);
}

TEST(SchedulerChannels, AWeekWithoutANetworkReturnsTheMessageOnce) {
  World w;
  w.deliver = [](const Start& s) {
    return s.channel == Channel::remote ? std::optional('Z') : std::optional('K');
  };
  const Id id = w.arrive_for_elsewhere(2);
  w.pass(6 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.contains(id));
  EXPECT_THAT(w.notices, IsEmpty());
  w.pass(3 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
  ASSERT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(0u, 1u));
}

TEST(SchedulerChannels, ARefusedRecipientFailsAlsoWhereItsChannelIsHeld) {
  World w({.remote = 0});
  const Id id = w.put(1);
  w.disk.at(id).elsewhere.insert(0);
  w.disk.at(id).unroutable.insert(0);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.notices.size(), 1u);
}

TEST(SchedulerChannels, ALostSpawnerDefersBoth) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id here = w.arrive();
  const Id far = w.arrive_for_elsewhere();
  w.running.clear();
  w.scheduler.spawner_lost(w.now);
  w.run();
  for (const Id& id : {here, far}) {
    EXPECT_THAT(w.disk.at(id).state.recipients[0].text, HasSubstr("the spawner ended"));
  }
}

}  // namespace
}  // namespace porpoise::send
