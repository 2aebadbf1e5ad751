#include "front/doors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/socket.h"
#include "queue/test_queue.h"

namespace porpoise::front {
namespace {

// The doors of a personal instance; those of a system one need root: testlab/test_system_run.py.
class DoorsTest : public testing::Test {
 protected:
  static posix::UniqueFd tcp() {
    unsigned short port = 0;
    return posix::listen_loopback(port).value();
  }
  std::string opened(const std::string& name, posix::UniqueFd socket) {
    ListenFds given;
    given.emplace(name, std::move(socket));
    Result<Doors> doors = Doors::open(queue_.instance(), std::move(given));
    if (!doors) return "error: " + doors.error().text;
    return fmt::format("{} {} {}", doors->submit(), doors->control(), doors->take_pop3().open());
  }

  queue::TestQueue queue_;
};

TEST_F(DoorsTest, AreNoneInAPersonalInstance) {
  Doors doors = Doors::open(queue_.instance(), {}).value();
  EXPECT_EQ(doors.submit(), -1);
  EXPECT_EQ(doors.control(), -1);
  EXPECT_FALSE(doors.take_pop3().open());
  doors.close(queue_.instance());
  EXPECT_FALSE(std::filesystem::exists(queue_.path() + "/run/submit"));
}

TEST_F(DoorsTest, APop3SocketThatIsGivenIsUsed) {
  EXPECT_EQ(opened("pop3", tcp()), "-1 -1 true");
}

TEST_F(DoorsTest, OtherSocketsAreRefused) {
  for (const char* name : {"submit", "control", "smtp", "unknown", ""}) {
    EXPECT_EQ(opened(name, tcp()),
              fmt::format("error: a socket called {} was given; want pop3", name));
  }
  EXPECT_EQ(opened("pop3", posix::message_pair().value().ours),
            "error: the socket called pop3 is no TCP socket");
}

TEST_F(DoorsTest, AreNotRemovedWhereTheyAreNotOurs) {
  std::ofstream(queue_.path() + "/run/control") << "send's own";
  Doors doors = Doors::open(queue_.instance(), {}).value();
  doors.close(queue_.instance());
  EXPECT_TRUE(std::filesystem::exists(queue_.path() + "/run/control"));
}

}  // namespace
}  // namespace porpoise::front
