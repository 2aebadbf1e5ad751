#include "queue/submit_limits.h"

#include <gtest/gtest.h>

#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

class SubmitLimitsTest : public ::testing::Test {
 protected:
  Result<SubmitLimits> read(const std::string& text) {
    queue_.folder().write("instance/control/submitlimits", text);
    return read_submit_limits(Control(queue_.instance().folder()));
  }
  TestQueue queue_;
};

TEST_F(SubmitLimitsTest, WithoutAFileThereAreLimits) {
  EXPECT_EQ(*read_submit_limits(Control(queue_.instance().folder())), SubmitLimits{});
}

TEST_F(SubmitLimitsTest, EachUidHasItsLineAndElseWhatAnybodyHas) {
  const SubmitLimits limits =
      *read("# small\n1000 messages=5\n* connections=7 hourly=9\n0\tconnections=0 octets=1\n");
  EXPECT_EQ(limits.anybody, (UidLimits{.connections = 7, .hourly = 9}));
  EXPECT_EQ(limits.of_uid.at(1000), (UidLimits{.connections = 7, .messages = 5, .hourly = 9}));
  EXPECT_EQ(limits.of_uid.at(0), (UidLimits{.connections = 0, .octets = 1, .hourly = 9}));
  EXPECT_EQ(limits.of_uid.size(), 2u);
}

TEST_F(SubmitLimitsTest, WhatIsWrongIsNamed) {
  for (const std::string line :
       {"alice messages=5", "1000 messages", "1000 messages=", "1000 messages=x", "* message=5",
        "-1 messages=5", "4294967295 messages=5", "99999999999999999999 messages=5",
        "* messages=5x", "* messages=-5", "=5"}) {
    const auto limits = read("# a comment\n* messages=1\n" + line + "\n");
    ASSERT_FALSE(limits) << line;
    EXPECT_EQ(limits.error().text,
              "control/submitlimits line 3: want a uid or *, then any of connections=N messages=N "
              "octets=N hourly=N");
  }
}

TEST_F(SubmitLimitsTest, TheTimeWithoutAnOctetIsAFileOfItsOwn) {
  queue_.folder().write("instance/control/timeoutsubmit", "30\n");
  EXPECT_EQ(read("")->idle_s, 30);
  queue_.folder().write("instance/control/timeoutsubmit", "0\n");
  EXPECT_EQ(read("")->idle_s, 1);
}

}  // namespace
}  // namespace porpoise::queue
