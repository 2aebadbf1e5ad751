#include "smtp/connection.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "posix/clock.h"
#include "posix/error.h"

namespace porpoise::smtp {
namespace {

constexpr std::size_t kReadOctets = 65536;

}  // namespace

Result<Connection> Connection::make(int in, int out) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
    return posix::trouble(errno, "holding back SIGTERM");
  }
  posix::UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.open()) return posix::trouble(errno, "making a signal descriptor");
  Connection made(in, out, std::move(signals));
  made.room_.resize(kReadOctets);
  made.is_terminal_ = ::isatty(in) == 1;
  return made;
}

Connection::Wait Connection::wait(int fd, short events, std::int64_t deadline_us) const {
  for (;;) {
    const std::int64_t left_ms = (deadline_us - posix::running_us() + 999) / 1000;
    constexpr std::int64_t kLongest = 1 << 30;
    pollfd asked[] = {{signals_.get(), POLLIN, 0}, {fd, events, 0}};
    const int ready =
        ::poll(asked, 2, static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, kLongest)));
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return Wait::too_late;
    // What can be sent still is, so that the client hears why the session ends.
    if (ready > 0 && events == POLLOUT && asked[1].revents != 0) return Wait::ready;
    if (ready > 0) return asked[0].revents != 0 ? Wait::told : Wait::ready;
    if (left_ms <= 0) return Wait::too_late;
  }
}

Connection::Read Connection::read(std::int64_t deadline_us) {
  for (;;) {
    switch (wait(in_, POLLIN, deadline_us)) {
      case Wait::too_late:
        return Read::too_late;
      case Wait::told:
        return Read::told;
      case Wait::ready:
        break;
    }
    const ssize_t n = ::read(in_, room_.data(), room_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return Read::end;
    octets_ = std::string_view(room_).substr(0, static_cast<std::size_t>(n));
    if (is_terminal_) end_lines_in_crlf();
    return Read::octets;
  }
}

void Connection::end_lines_in_crlf() {
  typed_.clear();
  for (const char c : octets_) {
    if (c == '\n' && !typed_.ends_with('\r')) typed_ += '\r';
    typed_ += c;
  }
  octets_ = typed_;
}

bool Connection::flush(std::chrono::seconds patience) {
  const auto patience_us = std::chrono::duration_cast<std::chrono::microseconds>(patience).count();
  good_ = good_ && outlet_.send(out_room_, [&](int fd) {
    return wait(fd, POLLOUT, posix::running_us() + patience_us) == Wait::ready;
  });
  out_room_.clear();
  return good_;
}

}  // namespace porpoise::smtp
