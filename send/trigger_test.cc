#include "send/trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/file.h"
#include "queue/test_queue.h"

namespace porpoise::send {
namespace {

using queue::Id;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TriggerTest : public ::testing::Test {
 protected:
  Trigger open() { return Trigger::open(queue_.instance()).value(); }
  void tell(std::string_view octets) {
    const auto fd = posix::open_at(queue_.instance().folder(), "queue/trigger", O_WRONLY).value();
    EXPECT_TRUE(posix::write_all(fd.get(), octets, "trigger"));
  }

  queue::TestQueue queue_;
};

TEST_F(TriggerTest, HearsTheIdsThatWereTold) {
  Trigger trigger = open();
  const Id a = Id::make(1, 2);
  const Id b = Id::make(3, 4);
  EXPECT_TRUE(queue::pull_trigger(queue_.instance(), a).value());
  EXPECT_TRUE(queue::pull_trigger(queue_.instance(), b).value());
  const Trigger::Told told = trigger.read();
  EXPECT_THAT(told.ids, ElementsAre(a, b));
  EXPECT_FALSE(told.scan);
  EXPECT_THAT(trigger.read().ids, IsEmpty());
  EXPECT_FALSE(trigger.read().scan);
}

TEST_F(TriggerTest, AFullOneMeansThatSomebodyMayNotHaveBeenHeard) {
  Trigger trigger = open();
  const Id id = Id::make(1, 2);
  const int records = 65536 / static_cast<int>(queue::kTriggerOctets);
  for (int i = 0; i < records + 10; ++i) {
    EXPECT_TRUE(queue::pull_trigger(queue_.instance(), id).value());
  }
  const Trigger::Told told = trigger.read();
  EXPECT_EQ(told.ids.size(), static_cast<std::size_t>(records));
  EXPECT_TRUE(told.scan);
  EXPECT_FALSE(trigger.read().scan);
}

TEST_F(TriggerTest, WhatMakesNoSenseMeansScanAndHidesNothing) {
  Trigger trigger = open();
  const Id id = Id::make(1, 2);
  tell(std::string(queue::kTriggerOctets, 'x') + queue::trigger_record(id));
  Trigger::Told told = trigger.read();
  EXPECT_THAT(told.ids, ElementsAre(id));
  EXPECT_TRUE(told.scan);
  tell("x");
  told = trigger.read();
  EXPECT_THAT(told.ids, IsEmpty());
  EXPECT_TRUE(told.scan);
}

TEST_F(TriggerTest, NobodyIsHeardAfterItsEnd) {
  {
    Trigger trigger = open();
  }
  EXPECT_FALSE(queue::pull_trigger(queue_.instance(), Id::make(1, 2)).value());
}

TEST_F(TriggerTest, AFileInItsPlaceIsRefused) {
  const std::string path = queue_.path() + "/queue/trigger";
  std::filesystem::remove(path);
  queue_.write("trigger", "");
  EXPECT_EQ(Trigger::open(queue_.instance()).error().text, path + ": not a FIFO");
}

TEST_F(TriggerTest, AMissingOneIsMadeAnew) {
  std::filesystem::remove(queue_.path() + "/queue/trigger");
  Trigger trigger = open();
  const Id id = Id::make(1, 2);
  EXPECT_TRUE(queue::pull_trigger(queue_.instance(), id).value());
  EXPECT_THAT(trigger.read().ids, ElementsAre(id));
  std::filesystem::remove_all(queue_.path() + "/queue");
  EXPECT_EQ(Trigger::open(queue_.instance()).error().text,
            "making " + queue_.path() + "/queue/trigger: No such file or directory");
}

}  // namespace
}  // namespace porpoise::send
