// What a million waiting messages cost: octets of memory, as the allocator counts them, and steps
// of the scheduler, as it counts them itself. And what a delivery in flight costs.

#include <gtest/gtest.h>
#include <map>

#include "send/body.h"
#include "send/scheduler.h"
#include "send/test_memory.h"

namespace porpoise::send {
namespace {

using queue::Id;

// ASan's allocator takes its time.
#ifdef PORPOISE_ASAN
constexpr std::uint32_t kMany = 200'000;
#else
constexpr std::uint32_t kMany = 1'000'000;
#endif
constexpr std::uint32_t kDue = 200'000;

constexpr Time kStart = 1'800'000'000 * kSecond;
constexpr Time kDay = 86400 * kSecond;
constexpr Destination kDead = 0xdead'0000'0001;
constexpr std::size_t kFixed = 3 * WaitingSet::kFixedOctets;

// A shard of an index that grows: each of its entries, and those it meets.
constexpr std::uint64_t kMostSteps = 4 * kMany / IdIndex::kShards + 500;

Id id(std::uint32_t n) {
  return Id::make(kStart - kDay + n, n * 2'654'435'761u);
}

/// A scheduler, and everything around it as simple as can be: no disk, no memory of its own.
class Counted : public ::testing::Test {
 protected:
  void SetUp() override { scheduler_.spawner_up(now_); }

  /// The steps of one event, and of the question that follows it in the loop.
  template <class Event>
  void event(const Event& what) {
    const std::uint64_t before = scheduler_.steps();
    what();
    (void)scheduler_.wake();
    const std::uint64_t steps = scheduler_.steps() - before;
    most_steps_ = std::max(most_steps_, steps);
    all_steps_ += steps;
    ++events_;
  }
  void arrive(const Id& some) {
    event([&] { scheduler_.arrived(some, now_); });
  }
  void find(const Id& some, Time next) {
    event([&] { scheduler_.found(some, next, now_); });
  }
  /// Answers every reading with `message` until there is none; gives what was started.
  std::vector<Start> read_all(const Loaded& message) {
    std::vector<Start> started;
    for (auto actions = scheduler_.take(); !actions.empty(); actions = scheduler_.take()) {
      for (const Action& action : actions) {
        if (const auto* load = std::get_if<Load>(&action)) {
          ++loads_;
          event([&] { scheduler_.loaded(load->id, message, now_); });
        }
        if (const auto* start = std::get_if<Start>(&action)) started.push_back(*start);
        if (const auto* write = std::get_if<Write>(&action)) {
          event([&] { scheduler_.written(write->id, Outcome::ok, now_); });
        }
      }
    }
    return started;
  }
  void tick_until(Time end, const Loaded& message) {
    for (auto wake = scheduler_.wake(); wake && *wake <= end; wake = scheduler_.wake()) {
      now_ = std::max(now_, *wake);
      event([&] { scheduler_.tick(now_); });
      for (const Start& start : read_all(message)) running_.push_back(start);
    }
  }
  std::size_t octets() const { return octets_in_use() - before_; }

  static Loaded for_one(Destination to = 0, Channel channel = Channel::local) {
    Loaded l;
    l.arrival = kStart;
    l.recipients = {Loaded::Recipient::waiting};
    l.waiting = {{.channel = channel, .to = to}};
    return l;
  }

  /// Of a new message: that it is read and started as if nothing waited, done, and gone.
  void new_mail_starts_at_once() {
    const Id fresh = Id::make(now_, 7);
    arrive(fresh);
    const std::vector<Start> started = read_all(for_one(0x3e11'0000'0001, Channel::local));
    ASSERT_EQ(started.size(), 1u);
    EXPECT_EQ(started[0].id, fresh);
    event([&] { scheduler_.reported(started[0].slot, 'K', "did 1+0+0", "", now_); });
    EXPECT_TRUE(read_all(for_one()).empty());
    EXPECT_FALSE(scheduler_.knows(fresh));
  }

  std::size_t before_ = octets_in_use();
  Time now_ = kStart;
  Scheduler scheduler_{{.remote = 20, .per_host = 5}, 1};
  std::vector<Start> running_;
  std::size_t loads_ = 0;
  std::uint64_t most_steps_ = 0;
  std::uint64_t all_steps_ = 0;
  std::uint64_t events_ = 0;
};

TEST_F(Counted, AMillionThatWaitCostThirtyTwoOctetsEachAndNewMailStartsAtOnce) {
  for (std::uint32_t n = 0; n < kMany; ++n) {
    find(id(n), kStart + 60 * kSecond + Time{n * 977 % kMany} * kDay / kMany);
    if (n % 1024 != 0) continue;
    ASSERT_LE(octets(), n * std::size_t{32} + kFixed) << "at " << n;
  }
  EXPECT_EQ(scheduler_.waiting(), kMany);
  EXPECT_LE(octets(), kMany * std::size_t{32});
  EXPECT_GE(scheduler_.octets_of_waiting() + 4096, octets());
  EXPECT_LE(scheduler_.octets_of_waiting(), octets() + octets() / 20) << "what it says is so";
  EXPECT_EQ(loads_, 0u);

  new_mail_starts_at_once();
  EXPECT_EQ(loads_, 1u);
  EXPECT_LE(most_steps_, kMostSteps);
  EXPECT_LE(all_steps_ / events_, 64u);
  RecordProperty("octets_each", static_cast<int>(octets() / kMany));
}

TEST_F(Counted, AMillionThatArriveAtOnceAreReadNoFurtherAheadThanTheirSlots) {
  scheduler_.spawner_lost(now_);
  for (std::uint32_t n = 0; n < kMany; ++n) arrive(id(n));
  EXPECT_LE(octets(), kMany * std::size_t{32});
  EXPECT_LE(scheduler_.open(), 60u);
  EXPECT_LE(most_steps_, kMostSteps);
}

// All due at once, for one host that is dead: each is read, told to wait, and parked with its host.
TEST_F(Counted, AHostThatIsDeadAndAFloodDueForItCostThirtyTwoOctetsEachAndDelayNobody) {
  for (std::uint32_t n = 0; n < kDue; ++n) find(id(n), kStart + n % 3600 * kSecond);
  now_ = kStart + 3600 * kSecond;
  const Loaded dead = for_one(kDead, Channel::remote);
  event([&] { scheduler_.tick(now_); });
  running_ = read_all(dead);
  EXPECT_EQ(running_.size(), 5u);
  std::size_t most = 0;
  while (loads_ < kDue && now_ < kStart + kDay) {
    tick_until(now_ + kSecond, dead);
    most = std::max(most, octets());
    if (loads_ < kDue / 2 || loads_ > kDue / 2 + 5000) continue;
    new_mail_starts_at_once();
  }
  EXPECT_LE(most, kDue * std::size_t{32} + kFixed);
  EXPECT_EQ(running_.size(), 5u);
  EXPECT_LE(loads_, kDue + 10u) << "each is read once";
  new_mail_starts_at_once();
  EXPECT_LE(most_steps_, kMostSteps);
}

TEST_F(Counted, ADeliveryInFlightCostsAFewHundredOctets) {
  constexpr std::uint32_t kDeliveries = 1000;
  constexpr std::size_t kMostOctets = 430;      // of the scheduler, with what it has anyway
  constexpr std::size_t kMostOctetsKept = 200;  // of the loop
  Scheduler scheduler({.deliveries = kDeliveries, .open_per_class = 2 * kDeliveries}, 1);
  scheduler.spawner_up(now_);
  const std::size_t before = octets_in_use();
  std::uint32_t started = 0;
  for (std::uint32_t n = 0; n < kDeliveries; ++n) {
    scheduler.arrived(id(n), now_);
    for (auto actions = scheduler.take(); !actions.empty(); actions = scheduler.take()) {
      for (const Action& action : actions) {
        if (std::holds_alternative<Start>(action)) ++started;
        if (!std::holds_alternative<Load>(action)) continue;
        scheduler.loaded(id(n), for_one((n + 10ull) << 32, Channel::local), now_);
      }
    }
  }
  ASSERT_EQ(started, kDeliveries);
  EXPECT_LE((octets_in_use() - before) / kDeliveries, kMostOctets);
  RecordProperty("scheduler", static_cast<int>((octets_in_use() - before) / kDeliveries));

  const std::size_t without = octets_in_use();
  std::map<Id, Body> bodies;
  for (std::uint32_t n = 0; n < kDeliveries; ++n) {
    Body& body = bodies[id(n)];
    body.addresses = Texts(2, 26 + 30);
    body.addresses.add("somebody@somewhere.example");
    body.addresses.add("a-recipient-of-it@here.example");
  }
  EXPECT_LE((octets_in_use() - without) / kDeliveries, kMostOctetsKept);
  RecordProperty("loop", static_cast<int>((octets_in_use() - without) / kDeliveries));
}

}  // namespace
}  // namespace porpoise::send
