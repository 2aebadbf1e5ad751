#include "queue/usage.h"

#include <gtest/gtest.h>

namespace porpoise::queue {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

Id id(std::uint64_t n) {
  return Id::make(1'795'252'194'000'000, n);
}

SubmitLimits small() {
  SubmitLimits limits;
  limits.anybody = {.connections = 2, .messages = 3, .octets = 1000, .hourly = 10};
  limits.connections = 6;
  limits.kept_connections = 2;
  limits.memory_octets = 500;
  limits.uid_memory_octets = 300;
  return limits;
}

class UsageTest : public ::testing::Test {
 protected:
  // One message from begin to end.
  std::string queue_one(uid_t uid, std::uint64_t octets, std::int64_t now_us = 0) {
    if (auto refusal = usage_.begin_message(uid, now_us)) return *refusal;
    auto refusal = usage_.add_octets(uid, octets);
    usage_.end_message(uid, refusal ? 0 : octets,
                       refusal ? std::nullopt : std::optional(id(++next_)));
    return refusal.value_or("queued");
  }

  Usage usage_{small(), {0, 7}};
  std::uint64_t next_ = 0;
};

TEST_F(UsageTest, ConnectionsOfOneUid) {
  EXPECT_EQ(usage_.connect(1000), std::nullopt);
  EXPECT_EQ(usage_.connect(1000), std::nullopt);
  EXPECT_EQ(usage_.connect(1000), "uid 1000 has 2 connections, and may have no more");
  EXPECT_EQ(usage_.connect(1001), std::nullopt);
  usage_.disconnect(1000);
  EXPECT_EQ(usage_.connect(1000), std::nullopt);
}

TEST_F(UsageTest, SomeConnectionsAreKeptForRoot) {
  for (const uid_t uid : {1, 2, 3, 4}) EXPECT_EQ(usage_.connect(uid), std::nullopt);
  EXPECT_EQ(usage_.connect(5), "all 4 connections are taken");
  EXPECT_EQ(usage_.connect(0), std::nullopt);
  EXPECT_EQ(usage_.connect(7), std::nullopt);
  EXPECT_EQ(usage_.connect(0), "all 6 connections are taken");
  EXPECT_EQ(usage_.connections(), 6u);
}

TEST_F(UsageTest, MessagesInTheQueueAndOnTheirWay) {
  EXPECT_EQ(queue_one(1000, 1), "queued");
  EXPECT_EQ(queue_one(1000, 1), "queued");
  EXPECT_EQ(usage_.begin_message(1000, 0), std::nullopt);
  EXPECT_EQ(usage_.begin_message(1000, 0),
            "uid 1000 has 3 messages in the queue, and may have no more");
  EXPECT_EQ(queue_one(1001, 1), "queued");
  usage_.end_message(1000, 0, std::nullopt);  // it was not queued after all
  EXPECT_EQ(queue_one(1000, 1), "queued");
}

TEST_F(UsageTest, OctetsInTheQueueAndOnTheirWay) {
  EXPECT_EQ(queue_one(1000, 600), "queued");
  EXPECT_EQ(queue_one(1000, 401), "uid 1000 would have more than 1000 octets in the queue");
  EXPECT_EQ(queue_one(1000, 400), "queued");
  EXPECT_EQ(queue_one(1001, 1000), "queued");
}

TEST_F(UsageTest, ARateThatComesBack) {
  SubmitLimits limits = small();
  limits.anybody.messages = 0;
  usage_.set_limits(limits);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(queue_one(1000, 1), "queued");
  EXPECT_EQ(queue_one(1000, 1),
            "uid 1000 has handed in 10 messages within an hour, and may no more");
  EXPECT_EQ(queue_one(1000, 1, 350 * kSecond).substr(0, 6), "uid 10");
  EXPECT_EQ(queue_one(1000, 1, 361 * kSecond), "queued");
  EXPECT_EQ(queue_one(1000, 1, 361 * kSecond).substr(0, 6), "uid 10");
  EXPECT_EQ(queue_one(1000, 1, 100 * kSecond).substr(0, 6), "uid 10");  // a clock that goes back
}

TEST_F(UsageTest, RootAndTheOwnAccountsHaveTheirOwn) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(queue_one(0, 5000), "queued");
    EXPECT_EQ(queue_one(7, 5000), "queued");
  }
  EXPECT_TRUE(usage_.to_look_for(0, kSecond).empty()) << "not counted, not remembered";
}

TEST_F(UsageTest, AUidThatIsNamed) {
  SubmitLimits limits = small();
  limits.of_uid[1000] = {.connections = 1, .messages = 1, .octets = 0, .hourly = 0};
  limits.of_uid[0] = {.connections = 1, .messages = 1, .octets = 0, .hourly = 0};
  usage_.set_limits(limits);
  for (const uid_t uid : {1000, 0}) {
    EXPECT_EQ(queue_one(uid, 9999), "queued");
    EXPECT_EQ(queue_one(uid, 1).substr(0, 4), "uid ");
  }
}

TEST_F(UsageTest, MemoryOfOneUidAndOfAll) {
  EXPECT_EQ(usage_.add_memory(1, 300), std::nullopt);
  EXPECT_EQ(usage_.add_memory(1, 1), "messages of uid 1 take too much memory");
  EXPECT_EQ(usage_.add_memory(2, 200), std::nullopt);
  EXPECT_EQ(usage_.add_memory(3, 1), "messages of uid 3 take too much memory");
  usage_.take_memory(1, 300);
  EXPECT_EQ(usage_.add_memory(3, 300), std::nullopt);
}

TEST_F(UsageTest, WhatHasLeftTheQueueIsFoundOutAndNothingElseIsForgotten) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue_one(1000, 10), "queued");
  auto asked = usage_.to_look_for(1000, 5 * kSecond);
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(queue_one(1000, 1).substr(0, 22), "uid 1000 has 3 message") << "they count meanwhile";
  EXPECT_TRUE(usage_.to_look_for(1000, 9 * kSecond).empty()) << "one look at a time";
  asked.resize(1);
  usage_.looked_for(1000, asked);
  EXPECT_EQ(queue_one(1000, 10), "queued");
  EXPECT_TRUE(usage_.to_look_for(1000, 5 * kSecond + 1).empty()) << "not twice a second";
  EXPECT_EQ(usage_.to_look_for(1000, 6 * kSecond).size(), 2u);
}

TEST_F(UsageTest, WhatIsQueuedDuringALookIsKept) {
  SubmitLimits limits = small();
  limits.anybody.messages = 4;
  usage_.set_limits(limits);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(queue_one(1000, 10), "queued");
  auto asked = usage_.to_look_for(1000, kSecond);
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(queue_one(1000, 10), "queued");
  usage_.looked_for(1000, {});
  EXPECT_EQ(usage_.to_look_for(1000, 3 * kSecond).size(), 0u) << "one of four is not many";
  EXPECT_EQ(queue_one(1000, 10), "queued");
  EXPECT_EQ(usage_.to_look_for(1000, 3 * kSecond).size(), 2u);
}

TEST_F(UsageTest, LooksAreSeldomWhereThereIsRoom) {
  usage_.set_limits({});
  int looks = 0;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(queue_one(1000, 1, 0), "queued");
    auto asked = usage_.to_look_for(1000, (i + 2) * kSecond);
    looks += !asked.empty();
    if (!asked.empty()) usage_.looked_for(1000, asked);
  }
  EXPECT_EQ(looks, 4) << "at 1024, 2048, 4096 and 8192";
}

}  // namespace
}  // namespace porpoise::queue
