#include "posix/outlet.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/unique_fd.h"

namespace porpoise::posix {
namespace {

const std::string kLong(1 << 20, 'x');  // more than a pipe or a socket takes at once

struct Ends {
  UniqueFd reading, writing;
};

Ends make_pipe() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Ends make_sockets() {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Reads what there is, as the other end would while it is waited for.
bool drain(int fd, std::string& into) {
  std::array<char, 65536> room{};
  pollfd asked{fd, POLLIN, 0};
  while (::poll(&asked, 1, 0) == 1) {
    const ssize_t n = ::read(fd, room.data(), room.size());
    if (n <= 0) return false;
    into.append(room.data(), static_cast<std::size_t>(n));
  }
  return true;
}

class OutletTest : public testing::TestWithParam<Ends (*)()> {
 protected:
  Ends ends_ = GetParam()();
  Outlet outlet_{ends_.writing.get()};
  std::string got_;
  int waits_ = 0;
};

TEST_P(OutletTest, AllOfALongTextArrivesAndTheFlagsStay) {
  const int flags = ::fcntl(ends_.writing.get(), F_GETFL);
  ASSERT_TRUE(outlet_.send(kLong, [&](int fd) {
    EXPECT_EQ(fd, ends_.writing.get());
    ++waits_;
    return drain(ends_.reading.get(), got_);
  }));
  drain(ends_.reading.get(), got_);
  EXPECT_TRUE(got_ == kLong);
  EXPECT_GT(waits_, 1);
  EXPECT_EQ(::fcntl(ends_.writing.get(), F_GETFL), flags);
}

TEST_P(OutletTest, AWaitThatGivesUpEndsIt) {
  EXPECT_FALSE(
      outlet_.send(kLong, [&](int) { return ++waits_ < 2 && drain(ends_.reading.get(), got_); }));
  EXPECT_EQ(waits_, 2);
}

TEST_P(OutletTest, AnEndThatIsGoneIsNoSignal) {
  ::signal(SIGPIPE, SIG_IGN);  // as begin_program() does: write(2) has no flag for it
  ends_.reading.reset();
  EXPECT_FALSE(outlet_.send("x", [](int) { return true; }));
}

TEST_P(OutletTest, NothingIsSentAtOnce) {
  EXPECT_TRUE(outlet_.send("", [](int) { return false; }));
}

INSTANTIATE_TEST_SUITE_P(Of, OutletTest, testing::Values(&make_pipe, &make_sockets));

TEST(Outlet, ADescriptorThatCannotBeWrittenToIsAnError) {
  const Ends ends = make_pipe();
  EXPECT_FALSE(Outlet(ends.reading.get()).send("x", [](int) { return true; }));
  EXPECT_FALSE(Outlet(-1).send("x", [](int) { return true; }));
}

}  // namespace
}  // namespace porpoise::posix
