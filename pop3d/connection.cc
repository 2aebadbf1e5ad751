#include "pop3d/connection.h"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/clock.h"

namespace porpoise::pop3d {
namespace {

constexpr std::size_t kReadOctets = 4096;
constexpr std::size_t kSendOctets = 65536;
constexpr std::size_t kLateOctets = 1 << 20;  // read after the end, and thrown away
constexpr std::int64_t kLateMicroseconds = 1'000'000;

std::int64_t microseconds(std::chrono::seconds time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

// True once `fd` is ready (or broken, which the next call will tell); false at the deadline.
bool wait_until_ready(int fd, short events, std::int64_t deadline_us) {
  for (;;) {
    const std::int64_t left_ms = (deadline_us - posix::running_us() + 999) / 1000;
    if (left_ms <= 0) return false;
    pollfd asked{fd, events, 0};
    constexpr std::int64_t kLongest = 1 << 30;
    const int ready = ::poll(&asked, 1, static_cast<int>(std::min(left_ms, kLongest)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return false;
  }
}

}  // namespace

bool Connection::read_line(mail::LineReader& line) {
  const std::int64_t deadline = posix::running_us() + microseconds(idle_);
  for (;;) {
    ahead_room_.erase(0, line.feed(ahead_room_));
    if (line.complete()) return true;
    if (!flush() || !fill(deadline)) return false;
  }
}

bool Connection::fill(std::int64_t deadline_us) {
  if (!wait_until_ready(in_, POLLIN, deadline_us)) return false;
  ahead_room_.resize(ahead_ == ReadAhead::yes ? kReadOctets : 1);
  ssize_t n;
  do {
    n = ::read(in_, ahead_room_.data(), ahead_room_.size());
  } while (n < 0 && errno == EINTR);
  ahead_room_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return n > 0;
}

void Connection::put(std::string_view text) {
  if (!good_) return;
  out_room_ += text;
  if (out_room_.size() >= kSendOctets) (void)flush();
}

bool Connection::flush() {
  good_ = good_ && outlet_.send(out_room_, [&](int fd) {
    return wait_until_ready(fd, POLLOUT, posix::running_us() + microseconds(idle_));
  });
  out_room_.clear();
  return good_;
}

void Connection::finish() {
  if (!flush() || ::shutdown(out_, SHUT_WR) != 0) return;
  ahead_ = ReadAhead::yes;
  const std::int64_t deadline = posix::running_us() + kLateMicroseconds;
  for (std::size_t late = 0; late < kLateOctets && fill(deadline);) late += ahead_room_.size();
}

void keep_alive(int socket) {
  const int on = 1, idle_seconds = 60, every_seconds = 20, probes = 3;
  if (::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) return;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &every_seconds, sizeof every_seconds);
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace porpoise::pop3d
