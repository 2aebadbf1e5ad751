#include "send/waiting.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace porpoise::send {
namespace {

queue::Id id(std::int64_t n) {
  return queue::Id::make(n, static_cast<std::uint64_t>(n) * 7919);
}

TEST(WaitingSet, GivesTheEarliestFirstAndOfEqualsTheOldest) {
  WaitingSet set;
  EXPECT_TRUE(set.insert(id(3), 50));
  EXPECT_TRUE(set.insert(id(2), 50));
  EXPECT_TRUE(set.insert(id(9), 20));
  EXPECT_EQ(set.pop().id, id(9));
  EXPECT_EQ(set.pop().id, id(2));
  EXPECT_EQ(set.pop().id, id(3));
  EXPECT_EQ(set.first(), nullptr);
}

TEST(WaitingSet, AnIdIsThereOnceAndKeepsItsTime) {
  WaitingSet set;
  EXPECT_TRUE(set.insert(id(1), 50));
  EXPECT_FALSE(set.insert(id(1), 10));
  EXPECT_EQ(set.next_of(id(1)), 50u);
  EXPECT_EQ(set.size(), 1u);
}

TEST(WaitingSet, WhatIsNotThereIsNotSetNorErased) {
  WaitingSet set;
  EXPECT_FALSE(set.set(id(1), 5));
  EXPECT_FALSE(set.erase(id(1)));
  EXPECT_FALSE(set.contains(id(1)));
  set.insert(id(2), 5);
  EXPECT_FALSE(set.set(id(1), 5));
  EXPECT_FALSE(set.erase(id(1)));
  EXPECT_EQ(set.next_of(id(1)), std::nullopt);
}

TEST(WaitingSet, AllCanBecomeDueAtOnceInTheOrderOfArrival) {
  WaitingSet set;
  for (int i = 9; i >= 1; --i) set.insert(id(i), static_cast<std::uint32_t>(1000 - i));
  set.set_all(0);
  for (int i = 1; i <= 9; ++i) EXPECT_EQ(set.pop().id, id(i));
}

TEST(WaitingSet, AllTimesCanBeChangedInWhateverOrder) {
  WaitingSet set;
  for (std::uint32_t i = 1; i <= 100; ++i) set.insert(id(i), i);
  set.change_all([](std::uint32_t next_s) { return next_s > 90 ? 200 - next_s : 300 - next_s; });
  EXPECT_EQ(set.next_of(id(100)), 100u);
  EXPECT_EQ(set.next_of(id(1)), 299u);
  for (std::int64_t i = 100; i >= 1; --i) EXPECT_EQ(set.pop().id, id(i));
  EXPECT_TRUE(set.empty());
}

// Against an obvious slow one.
TEST(WaitingSet, AgreesWithASortedMapOverManyRandomSteps) {
  std::mt19937 random(7);
  WaitingSet set;
  std::map<queue::Id, std::uint32_t> slow;
  for (int step = 0; step < 20000; ++step) {
    const queue::Id some = id(static_cast<std::int64_t>(random() % 500));
    const auto when = static_cast<std::uint32_t>(random() % 1000);
    switch (random() % 4) {
      case 0:
      case 1:
        EXPECT_EQ(set.insert(some, when), slow.emplace(some, when).second);
        break;
      case 2: {
        const bool known = slow.contains(some);
        if (known) slow[some] = when;
        EXPECT_EQ(set.set(some, when), known);
        break;
      }
      case 3:
        EXPECT_EQ(set.erase(some), slow.erase(some) == 1);
        break;
    }
    ASSERT_EQ(set.size(), slow.size());
  }
  std::uint32_t last = 0;
  while (!set.empty()) {
    const WaitingSet::Entry entry = set.pop();
    EXPECT_GE(entry.next_s, last);
    last = entry.next_s;
    EXPECT_EQ(slow.at(entry.id), entry.next_s);
    slow.erase(entry.id);
  }
  EXPECT_TRUE(slow.empty());
}

TEST(WaitingSet, AMessageCostsAtMostItsNamedOctets) {
  WaitingSet set;
  for (int i = 0; i < 100'000; ++i) {
    set.insert(id(i), static_cast<std::uint32_t>(i));
    ASSERT_LE(set.octets(), set.size() * WaitingSet::kMaxOctetsEach + WaitingSet::kFixedOctets);
  }
}

}  // namespace
}  // namespace porpoise::send
