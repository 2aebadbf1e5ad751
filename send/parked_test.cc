#include "send/parked.h"

#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace porpoise::send {
namespace {

queue::Id id(std::uint64_t n) {
  return queue::Id::make(1'800'000'000'000'000 + static_cast<std::int64_t>(n % 97), n);
}

TEST(ParkedSet, EachListIsFirstComeFirstServed) {
  ParkedSet set;
  ParkedSet::List a;
  ParkedSet::List b;
  EXPECT_TRUE(set.push(a, {id(1), true, false}));
  EXPECT_TRUE(set.push(b, {id(2), false, true}));
  EXPECT_TRUE(set.push(a, {id(3)}));
  EXPECT_EQ(set.size(), 3u);
  EXPECT_EQ(a.size, 2u);
  const ParkedSet::Message first = set.pop(a);
  EXPECT_EQ(first.id, id(1));
  EXPECT_TRUE(first.forced);
  EXPECT_FALSE(first.asked);
  EXPECT_EQ(set.pop(a).id, id(3));
  EXPECT_TRUE(a.empty());
  EXPECT_TRUE(set.pop(b).asked);
  EXPECT_TRUE(set.empty());
}

TEST(ParkedSet, AnIdIsInOneListOnly) {
  ParkedSet set;
  ParkedSet::List a;
  ParkedSet::List b;
  EXPECT_TRUE(set.push(a, {id(1)}));
  EXPECT_FALSE(set.push(b, {id(1)}));
  EXPECT_FALSE(set.push(a, {id(1)}));
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(a.size, 1u);
  EXPECT_TRUE(set.contains(id(1)));
  EXPECT_FALSE(set.contains(id(2)));
}

TEST(ParkedSet, AgreesWithSlowQueues) {
  std::mt19937 random(7);
  ParkedSet set;
  std::map<int, ParkedSet::List> lists;
  std::map<int, std::deque<queue::Id>> slow;
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    const int which = static_cast<int>(random() % 5);
    if (random() % 3 != 0) {
      ASSERT_TRUE(set.push(lists[which], {id(next)}));
      slow[which].push_back(id(next++));
    } else if (!slow[which].empty()) {
      ASSERT_EQ(set.pop(lists[which]).id, slow[which].front());
      ASSERT_FALSE(set.contains(slow[which].front()));
      slow[which].pop_front();
    }
    ASSERT_EQ(lists[which].size, slow[which].size());
  }
}

TEST(ParkedSet, AMillionTakeAtMostThirtyTwoOctetsEach) {
  ParkedSet set;
  ParkedSet::List list;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    set.push(list, {id(i)});
    if (i % 9973 != 0) continue;
    ASSERT_LE(set.octets(), set.size() * ParkedSet::kMaxOctetsEach + ParkedSet::kFixedOctets);
  }
  EXPECT_LE(set.octets(), set.size() * ParkedSet::kMaxOctetsEach);
  while (!list.empty()) set.pop(list);
  EXPECT_LE(set.octets(), 1024u);
}

}  // namespace
}  // namespace porpoise::send
