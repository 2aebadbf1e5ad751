#include "smtp/queue_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/test_calls.h"
#include "queue/file.h"
#include "queue/test_queue.h"

namespace porpoise::smtp {
namespace {

using posix::test_calls::Scope;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class QueueWorldTest : public ::testing::Test {
 protected:
  QueueWorldTest() {
    queue_.folder().write("instance/control/locals", "here.test\n");
    queue_.folder().write("instance/control/me", "mx.here.test\n");
  }

  // "CODE STATUS text", or the address, with "?" where it is not verified.
  std::string check(const std::string& address) {
    const Taken<Checked> checked = world_.check(address);
    if (checked) return checked->address + (checked->verified ? "" : " ?");
    return shown(checked.error());
  }
  static std::string shown(const Refusal& refusal) {
    return fmt::format("{} {} {}", refusal.code, refusal.status.text(), refusal.text);
  }
  void expect_nothing_left() const {
    EXPECT_THAT(queue_.names("tmp"), IsEmpty());
    EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  }

  const mail::Envelope kEnvelope{.sender = "a@b.test", .recipients = {{"owner@here.test", {}}}};
  const Trace kTrace{.helo = "c.test", .protocol = "ESMTP", .recipient = "owner@here.test"};
  queue::TestQueue queue_;
  QueueWorld world_{
      queue_.instance(), {.note = "uid 7", .relay = true}, "mx.here.test", "here.test"};
};

TEST_F(QueueWorldTest, LocalRecipientsAreLookedUp) {
  EXPECT_EQ(check("owner@here.test"), "owner@here.test");
  EXPECT_EQ(check("nobody@here.test"), "550 5.1.1 no mailbox here by that name: nobody@here.test");
}

TEST_F(QueueWorldTest, OurOwnLiteralsAreHere) {
  EXPECT_EQ(check("owner@[127.0.0.1]"), "owner@here.test");
  EXPECT_EQ(check("owner@[192.0.2.77]"),
            "550 5.7.1 nothing here sends mail to other hosts: owner@[192.0.2.77]");
}

TEST_F(QueueWorldTest, OtherHostsNeedAWayThereAndTheRight) {
  EXPECT_EQ(check("x@far.test"), "550 5.7.1 nothing here sends mail to other hosts: x@far.test");
  queue_.folder().write("instance/control/remote", "pipe msmtp\n");
  QueueWorld with_remote(queue_.instance(), {.note = "", .relay = true}, "h", "h");
  EXPECT_FALSE(with_remote.check("x@far.test")->verified);
  QueueWorld stranger(queue_.instance(), {.note = "", .relay = false}, "h", "h");
  EXPECT_EQ(shown(stranger.check("x@far.test").error()),
            "550 5.7.1 mail for other hosts is not taken from you: x@far.test");
  EXPECT_TRUE(stranger.check("owner@here.test"));
}

TEST_F(QueueWorldTest, ADamagedTableIsTriedAgainWithEachRecipient) {
  queue_.folder().write("instance/users/assign", "nonsense\n.\n");
  EXPECT_EQ(check("owner@here.test"), "451 4.3.0 recipients cannot be looked up now");
  queue_.folder().write("instance/users/assign", ".\n");
  EXPECT_EQ(check("owner@here.test"), "owner@here.test");
}

TEST_F(QueueWorldTest, WhatIsCommittedIsInTheQueue) {
  ASSERT_TRUE(world_.begin(kTrace));
  EXPECT_TRUE(world_.append("Subject: x\n"));
  EXPECT_FALSE(world_.took_new());
  const Taken<std::string> id = world_.commit(kEnvelope);
  ASSERT_TRUE(id);
  EXPECT_THAT(queue_.text("incoming/" + *id),
              HasSubstr("Received: from c.test (uid 7)\n  by mx.here.test with ESMTP id " + *id +
                        "\n  for <owner@here.test>;\n"));
  EXPECT_TRUE(world_.took_new());
  EXPECT_FALSE(world_.took_new());
}

TEST_F(QueueWorldTest, NothingIsLeftOfWhatIsAbandoned) {
  ASSERT_TRUE(world_.begin(kTrace));
  EXPECT_TRUE(world_.append(std::string(200'000, 'x')));
  world_.abandon();
  expect_nothing_left();
  {
    QueueWorld gone(queue_.instance(), {}, "h", "h");
    ASSERT_TRUE(gone.begin(kTrace));
  }
  expect_nothing_left();
}

// R1870-6.1-temp-452
TEST_F(QueueWorldTest, AFullDiskIs452AndLeavesNothing) {
  ASSERT_TRUE(world_.begin(kTrace));
  {
    Scope calls;
    calls.fail("fsync", ENOSPC);
    EXPECT_EQ(shown(world_.commit(kEnvelope).error()), "452 4.3.1 no room for it now");
  }
  expect_nothing_left();
  EXPECT_FALSE(world_.took_new());
}

TEST_F(QueueWorldTest, AFailingSyncIs451AndLeavesNothing) {
  for (int call : {1, 2}) {
    ASSERT_TRUE(world_.begin(kTrace));
    Scope calls;
    calls.fail("fsync", EIO, call);
    EXPECT_EQ(shown(world_.commit(kEnvelope).error()).substr(0, 10), "451 4.3.0 ") << call;
    expect_nothing_left();
  }
}

TEST(RefusalOf, IsPermanentWhereTheQueueSaysSo) {
  const auto refusal = [](int code, Error error) {
    error.fate = queue::fate_of(code);
    const Refusal r = refusal_of({code, std::move(error)});
    return fmt::format("{} {} {}", r.code, r.status.text(), r.text);
  };
  EXPECT_EQ(refusal(31, {}), "554 5.3.0 " + queue::text_of(31));
  EXPECT_EQ(refusal(53, {}), "451 4.3.0 " + queue::text_of(53));
  EXPECT_EQ(refusal(53, {.text = "secret path", .sys = EDQUOT}), "452 4.3.1 no room for it now");
  EXPECT_EQ(refusal(82, {.text = "said by the program"}), "451 4.3.0 said by the program");
}

}  // namespace
}  // namespace porpoise::smtp
