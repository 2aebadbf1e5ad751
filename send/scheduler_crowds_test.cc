// Limits of one recipient and one host, and what waits for them. Counted in slots and readings.

#include "send/simulator.h"

namespace porpoise::send {
namespace {

constexpr Destination kDead = 0xdead'0000'0001;
constexpr Destination kWell = 0x3e11'0000'0001;

const auto kHangs = [](const Start&) { return std::optional<char>(); };

/// Deliveries to `dead` hang, others end at once.
auto hangs_at(const World& w, Destination dead) {
  return [&w, dead](const Start& s) -> std::optional<char> {
    const auto& to = w.disk.at(s.id).to;
    const auto at = to.find(s.recipient);
    if (at != to.end() && at->second == dead) return std::nullopt;
    return 'K';
  };
}

TEST(SchedulerCrowds, OneRecipientHasNoMoreDeliveriesThanItsLimit) {
  World w({.deliveries = 10, .per_recipient = 3});
  w.deliver = kHangs;
  for (int i = 0; i < 20; ++i) w.arrive_to(kWell, Channel::local);
  EXPECT_EQ(w.running_to(kWell), 3u);
  EXPECT_EQ(w.running.size(), 3u);
}

TEST(SchedulerCrowds, ASlowRecipientDelaysNobodyElse) {
  World w({.deliveries = 10, .per_recipient = 3});
  w.deliver = hangs_at(w, kDead);
  for (int i = 0; i < 1000; ++i) w.arrive_to(kDead, Channel::local);
  const std::size_t attempts = w.attempts.size();
  w.pass(kSecond);
  const Id other = w.arrive_to(kWell, Channel::local);
  EXPECT_FALSE(w.disk.contains(other)) << "it had to wait";
  EXPECT_EQ(w.attempts.size(), attempts + 1);
  EXPECT_LE(w.scheduler.open(), 30u);
}

TEST(SchedulerCrowds, AllAddressesOfOneUserShareItsPlaces) {
  constexpr Destination kUser = 0x05e2'0000'0001;
  World w({.deliveries = 10, .per_recipient = 4});
  for (Destination d = 1; d <= 50; ++d) w.crowds[d << 33] = kUser;
  w.deliver = [&w](const Start& s) -> std::optional<char> {
    const auto& to = w.disk.at(s.id).to;
    return to.begin()->second == kWell ? std::optional('K') : std::nullopt;
  };
  for (Destination d = 1; d <= 50; ++d) w.arrive_to(d << 33, Channel::local);
  EXPECT_EQ(w.running.size(), 4u);
  const Id other = w.arrive_to(kWell, Channel::local);
  EXPECT_FALSE(w.disk.contains(other)) << "it had to wait";
  w.deliver = [](const Start&) { return std::optional('K'); };
  while (!w.running.empty()) w.report(w.running.begin()->second.id, 'K', "did 1+0+0");
  w.pass(60 * kSecond);
  EXPECT_TRUE(w.disk.empty());
}

TEST(SchedulerCrowds, AUsersOtherAddressesDoNotWaitForOneThatFails) {
  constexpr Destination kUser = 0x05e2'0000'0001;
  World w({.deliveries = 10, .per_recipient = 4});
  w.crowds[kDead] = w.crowds[kWell] = kUser;
  w.deliver = [&w](const Start& s) {
    return std::optional(w.disk.at(s.id).to.begin()->second == kDead ? 'Z' : 'K');
  };
  for (int i = 0; i < 8; ++i) w.arrive_to(kDead, Channel::local);
  const Id well = w.arrive_to(kWell, Channel::local);
  EXPECT_FALSE(w.disk.contains(well));
  EXPECT_EQ(w.disk.size(), 8u);
}

TEST(SchedulerCrowds, ADeadHostWithAHundredThousandDueMessagesDelaysNobodyElse) {
  constexpr int kMany = 100'000;
  World w({.remote = 20, .per_host = 5});
  w.deliver = hangs_at(w, kDead);
  for (int i = 0; i < kMany; ++i) {
    w.scheduler.found(w.put_to(kDead, Channel::remote, 1, Place::deferred), 0, w.now);
  }
  w.run();
  w.arrive_to(kWell);
  const Id due = w.put_to(kWell, Channel::remote, 1, Place::deferred);
  EXPECT_EQ(w.running_to(kDead), 5u);
  EXPECT_LE(w.loads, 2 * kParkedInARow) << "read ahead";
  EXPECT_EQ(w.attempts.size(), 6u) << "a first attempt waits for no retry";
  // Another retry has the place in time that its own next time gives it, and a slot at once.
  w.scheduler.found(due, w.now, w.now);
  w.pass(60 * kSecond);
  EXPECT_FALSE(w.disk.contains(due));
  EXPECT_EQ(w.running_to(kDead), 5u);
  EXPECT_LE(w.loads, kMany + 2 * kParkedInARow) << "each was read once, and is parked";
  EXPECT_LE(w.scheduler.open(), 20u);
  EXPECT_EQ(w.scheduler.waiting() + w.scheduler.open(), std::size_t{kMany});
  EXPECT_LE(w.scheduler.octets_of_waiting(), kMany * 32);
}

TEST(SchedulerCrowds, AListOfAHundredThousandTakesItsTurns) {
  constexpr std::uint32_t kMany = 100'000;
  World w({.deliveries = 10, .per_recipient = 4});
  w.deliver = kHangs;
  const Id list = w.put(kMany);
  for (std::uint32_t i = 0; i < kMany; ++i) w.disk.at(list).to[i] = 1000 + i;
  w.scheduler.arrived(list, w.now);
  w.run();
  EXPECT_EQ(w.running.size(), 10u);
  const Id other = w.arrive_to(kWell, Channel::local);
  w.report(list, 'K', "");
  w.report(list, 'K', "");
  EXPECT_TRUE(std::ranges::any_of(w.running, [&](auto& r) { return r.second.id == other; }));
  w.deliver = [](const Start&) { return 'K'; };
  while (!w.running.empty()) w.report(w.running.begin()->second.id, 'K', "");
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), std::size_t{kMany} + 1);
}

// Among others it has its turns, and is not read for each of them.
TEST(SchedulerCrowds, AListAmongOtherMailIsReadOnceAndCostsStepsForItselfOnly) {
  constexpr std::uint32_t kMany = 100'000;
  World w({.deliveries = 10, .per_recipient = 4});
  w.keeps_log = false;
  w.deliver = kHangs;
  const Id list = w.put(kMany);
  for (std::uint32_t i = 0; i < kMany; ++i) w.disk.at(list).to[i] = 1000 + i;
  std::size_t readings = 0;
  w.reads = [&](const Id& id) {
    readings += id == list ? 1U : 0U;
    return Outcome::ok;
  };
  w.scheduler.arrived(list, w.now);
  w.run();
  for (Destination to = 1; to <= 40; ++to) w.arrive_to(to << 40, Channel::local);
  const std::uint64_t before = w.scheduler.steps();
  std::size_t of_list = 0;
  constexpr std::size_t kEnds = 500;
  for (std::size_t n = 0; n < kEnds; ++n) {
    const Id one = std::next(w.running.begin(), n % 10)->second.id;
    of_list += one == list ? 1U : 0U;
    w.report(one, 'K', "");
    w.arrive_to((100 + n) << 40, Channel::local);
    w.pass(kSecond / 100);
  }
  EXPECT_EQ(readings, 1u);
  EXPECT_GE(of_list, kEnds / 50) << "it has its turns";
  EXPECT_LE((w.scheduler.steps() - before) / kEnds, 1000u) << "for each delivery that ends";
}

TEST(SchedulerCrowds, ListsForOneSlowHostAreNotReadForEachOfTheirTurns) {
  World w({.remote = 20, .per_host = 5});
  w.keeps_log = false;
  w.deliver = kHangs;
  constexpr std::size_t kLists = 15;
  for (std::size_t i = 0; i < kLists; ++i) w.arrive_to(kWell, Channel::remote, kListRecipients);
  w.pass(kSecond);
  std::set<Id> had_turns;
  for (int n = 0; n < 300; ++n) {
    ASSERT_EQ(w.running_to(kWell), 5u);
    const Id one = std::next(w.running.begin(), n % 5)->second.id;
    had_turns.insert(one);
    w.report(one, 'K', "");
    w.pass(kSecond / 10);
  }
  EXPECT_EQ(had_turns.size(), kLists);
  EXPECT_EQ(w.loads, kLists);
}

TEST(SchedulerCrowds, ManyListsThatHangLeaveRoomForOthers) {
  World w({.deliveries = 10, .remote = 20, .per_host = 5, .open_per_class = 50});
  w.deliver = hangs_at(w, kDead);
  for (int i = 0; i < 100; ++i) w.arrive_to(kDead, Channel::remote, kListRecipients);
  w.pass(10 * kSecond);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(w.disk.contains(w.arrive_to(kWell, Channel::local)));
  const Id far = w.arrive_to(kWell);
  w.pass(kSecond);
  EXPECT_FALSE(w.disk.contains(far));
  EXPECT_LE(w.scheduler.open(), kListsKeptOpen + 20);
}

TEST(SchedulerCrowds, AListToOneDeadHostHoldsItsPlacesAndNoMore) {
  World w({.remote = 20, .per_host = 5});
  w.deliver = hangs_at(w, kDead);
  w.arrive_to(kDead, Channel::remote, 10'000);
  EXPECT_EQ(w.running.size(), 5u);
  for (int i = 0; i < 50; ++i) w.arrive_to(kWell);
  EXPECT_EQ(w.disk.size(), 1u);
}

TEST(SchedulerCrowds, OfAMessageForSeveralHostsOnlyTheDeadOnesPartWaits) {
  World w({.remote = 20, .per_host = 1});
  w.deliver = hangs_at(w, kDead);
  w.arrive_to(kDead);
  const Id both = w.put_to(kDead, Channel::remote, 2);
  w.disk.at(both).to[1] = kWell;
  w.scheduler.arrived(both, w.now);
  w.run();
  w.pass(2 * kRecordDelay);
  EXPECT_EQ(w.disk.at(both).state.recipients[1].status, queue::State::Status::delivered);
  EXPECT_EQ(w.disk.at(both).state.recipients[0].attempts, 0u);
  w.report(w.running.begin()->second.id, 'K', "");
  EXPECT_EQ(w.running.begin()->second.id, both);
}

TEST(SchedulerCrowds, WhatIsParkedWithADestinationComesBackInOrder) {
  World w({.remote = 20, .per_host = 2});
  w.deliver = kHangs;
  std::vector<Id> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(w.arrive_to(kDead));
  w.pass(kSecond);
  for (std::size_t n = 0; !w.running.empty(); ++n) {
    ASSERT_LT(n, 100u);
    w.report(w.running.begin()->second.id, 'K', "sent");
    w.pass(kSecond);
  }
  EXPECT_TRUE(w.disk.empty());
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(w.attempts[i].id, ids[i]) << i;
  EXPECT_EQ(w.scheduler.waiting(), 0u);
  EXPECT_TRUE(w.scheduler.idle(w.now));
}

TEST(SchedulerCrowds, FirstAttemptsAndRetriesShareADestinationsPlaces) {
  World w({.remote = 20, .per_host = 4});
  w.deliver = kHangs;
  w.scheduler.spawner_lost(w.now);
  for (int i = 0; i < 10; ++i) {
    w.scheduler.found(w.put_to(kWell, Channel::remote, 1, Place::deferred), 0, w.now);
    w.scheduler.arrived(w.put_to(kWell), w.now);
  }
  w.run();
  w.scheduler.spawner_up(w.now);
  w.run();
  EXPECT_EQ(w.running_to(kWell), 4u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(
        std::ranges::count_if(
            w.running, [&](auto& r) { return w.disk.at(r.second.id).place == Place::deferred; }),
        2);
    const auto one = std::next(w.running.begin(), i % 4);
    w.report(one->second.id, 'K', "");
  }
}

TEST(SchedulerCrowds, ManyDestinationsWithMoreThanTheirPlacesAllHaveTurns) {
  World w({.remote = 4, .per_host = 2});
  w.deliver = kHangs;
  for (int n = 0; n < 50; ++n) {
    for (Destination to = 1; to <= 10; ++to) w.arrive_to(to << 32);
  }
  w.pass(kSecond);
  std::map<Destination, int> turns;
  for (int n = 0; n < 100; ++n) {
    ASSERT_EQ(w.running.size(), 4u);
    const Start s = w.running.begin()->second;
    ++turns[w.disk.at(s.id).to.at(0)];
    w.report(s.id, 'K', "");
    w.pass(kSecond);
  }
  EXPECT_GE(turns.size(), 8u);
  for (int n = 0; !w.running.empty() && n < 1000; ++n) {
    w.report(w.running.begin()->second.id, 'K', "");
    w.pass(kSecond);
  }
  EXPECT_TRUE(w.disk.empty());
}

TEST(SchedulerCrowds, AMessageSetAsideGivesItsPlaceBack) {
  World w({.remote = 20, .per_host = 1});
  w.deliver = kHangs;
  const Id bad = w.arrive_to(kWell);
  const Id good = w.arrive_to(kWell);
  w.running.clear();
  w.scheduler.damaged(bad, w.now);
  w.run();
  ASSERT_EQ(w.running.size(), 1u);
  EXPECT_EQ(w.running.begin()->second.id, good);
}

TEST(SchedulerCrowds, ALostSpawnerLeavesNoPlaceTaken) {
  World w({.remote = 20, .per_host = 2});
  w.deliver = kHangs;
  for (int i = 0; i < 10; ++i) w.arrive_to(kWell);
  w.running.clear();
  w.scheduler.spawner_lost(w.now);
  w.run();
  w.deliver = [](const Start&) { return 'K'; };
  w.scheduler.spawner_up(w.now);
  w.run();
  w.pass(86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
}

TEST(SchedulerCrowds, AStopLeavesWhatIsParkedAsItIs) {
  World w({.remote = 20, .per_host = 1});
  w.deliver = kHangs;
  const Id first = w.arrive_to(kWell);
  for (int i = 0; i < 5; ++i) w.arrive_to(kWell);
  w.scheduler.stop(w.now);
  w.run();
  w.report(first, 'K', "");
  EXPECT_TRUE(w.scheduler.stopped());
  w.deliver = [](const Start&) { return 'K'; };
  w.restart();
  EXPECT_TRUE(w.disk.empty());
}

// ---- other limits while deliveries run

TEST(SchedulerLimits, LowerOnesEndNothingThatRuns) {
  World w({.deliveries = 5});
  w.deliver = kHangs;
  for (int i = 0; i < 10; ++i) w.arrive();
  EXPECT_EQ(w.running.size(), 5u);
  w.scheduler.limit({.deliveries = 2}, w.now);
  w.run();
  EXPECT_EQ(w.running.size(), 5u);
  for (int i = 0; i < 3; ++i) w.report(w.running.begin()->second.id, 'K', "");
  EXPECT_EQ(w.running.size(), 2u);
  w.report(w.running.begin()->second.id, 'K', "");
  EXPECT_EQ(w.running.size(), 2u);
}

TEST(SchedulerLimits, HigherOnesAreUsedAtOnce) {
  World w({.deliveries = 2, .per_recipient = 1});
  w.deliver = kHangs;
  for (int i = 0; i < 10; ++i) w.arrive();
  for (int i = 0; i < 4; ++i) w.arrive_to(kWell, Channel::local);
  w.scheduler.limit({.deliveries = 14, .per_recipient = 3}, w.now);
  w.run();
  w.pass(2 * kSecond);
  EXPECT_EQ(w.running.size(), 13u);
  EXPECT_EQ(w.running_to(kWell), 3u);
}

TEST(SchedulerLimits, AChannelThatIsHeldNoMoreIsTriedAtOnce) {
  World w({.remote = 0});
  const Id id = w.arrive_for_elsewhere();
  w.pass(60 * kSecond);
  EXPECT_TRUE(w.attempts.empty());
  w.scheduler.limit({}, w.now);
  w.run();
  EXPECT_FALSE(w.disk.contains(id));
}

TEST(SchedulerLimits, AChannelHeldFromNowOnStartsNothing) {
  World w({.deliveries = 1});
  w.deliver = kHangs;
  const Id first = w.arrive();
  const Id second = w.arrive();
  w.scheduler.limit({.deliveries = 0}, w.now);
  w.run();
  w.report(first, 'K', "");
  EXPECT_TRUE(w.running.empty());
  EXPECT_TRUE(w.scheduler.idle(w.now));
  EXPECT_EQ(w.disk.at(second).place, Place::incoming);
  w.scheduler.limit({.deliveries = 1}, w.now);
  w.run();
  EXPECT_EQ(w.running.begin()->second.id, second);
}

TEST(SchedulerLimits, ALaterLifetimeCountsForWhatWaits) {
  World w({.lifetime_s = 0});
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.put(1);
  w.scheduler.limit({}, w.now);
  w.pass(2 * kSecond);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
  EXPECT_TRUE(w.notices.empty());
}

// ---- trouble with the disk

TEST(SchedulerTrouble, MessagesThatWaitForADiskLeaveRoomForOthers) {
  World w({.deliveries = 2, .open_per_class = 5});
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  for (int i = 0; i < 200; ++i) w.arrive();
  w.deliver = [](const Start&) { return 'K'; };
  w.disk_does = [](const Write& a) {
    return a.then == Write::Then::remove ? Outcome::ok : Outcome::trouble;
  };
  const Id other = w.arrive();
  EXPECT_FALSE(w.disk.contains(other));
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.pass(86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
}

}  // namespace
}  // namespace porpoise::send
