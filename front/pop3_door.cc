#include "front/pop3_door.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "front/pop3_port.h"
#include "instance/control.h"
#include "posix/error.h"
#include "posix/socket.h"

namespace porpoise::front {
namespace {

// A connection that is turned away gets its line if it can take it at once (RFC 2449 section 8.1).
void turn_away(int connection) {
  constexpr std::string_view kLine = "-ERR [SYS/TEMP] too many sessions, try again later\r\n";
  (void)::send(connection, kLine.data(), kLine.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)::shutdown(connection, SHUT_WR);
}

// The port of a socket that somebody else has bound.
unsigned short port_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  // At the same place in both kinds of address.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

}  // namespace

Result<> Pop3Door::listen(bool wanted_port_only, unsigned short& port) {
  Result<posix::UniqueFd> socket = posix::listen_loopback(port);
  if (!socket && !wanted_port_only && socket.error().sys == EADDRINUSE) {
    parts_.log.line(fmt::format("pop3 port={} is taken: any free one instead", port));
    port = 0;
    socket = posix::listen_loopback(port);
  }
  if (!socket) {
    return temporary("instance {}: control/pop3port: {}", parts_.instance.path(),
                     socket.error().text);
  }
  if (Result<> done = posix::set_nonblocking(socket->get()); !done) return done;
  listener_ = std::move(*socket);
  return {};
}

Result<> Pop3Door::open(posix::UniqueFd given) {
  Result<Pop3Setting> setting = pop3_setting(parts_.instance);
  if (!setting) return failed(setting);
  if (!setting->wanted && !given.open()) return {};
  Result<std::string> host = Control(parts_.instance.folder()).line_or_me("me");
  if (!host) return failed(host);
  host_ = std::move(*host);
  unsigned short port = setting->port;
  if (given.open()) {
    port = port_of(given.get());
    if (Result<> done = posix::set_nonblocking(given.get()); !done) return done;
    listener_ = std::move(given);
  } else if (Result<> done = listen(setting->chosen, port); !done) {
    return done;
  }
  if (Result<> done = write_pop3_port(parts_.instance, port); !done) return done;
  parts_.log.line(fmt::format("listening pop3=127.0.0.1:{}", port));
  return {};
}

void Pop3Door::close() {
  remove_pop3_port(parts_.instance);
  listener_.reset();
}

int Pop3Door::fd(std::int64_t now_us) const {
  return now_us < closed_until_us_ ? -1 : listener_.get();
}

std::optional<std::int64_t> Pop3Door::due_us(std::int64_t now_us) const {
  return listener_.open() && now_us < closed_until_us_ ? std::optional(closed_until_us_)
                                                       : std::nullopt;
}

void Pop3Door::let_in(std::int64_t now_us) {
  posix::UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.open()) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    // It stays at the door, so without a pause the loop would spin.
    parts_.log.line(fmt::format("pop3 accept: {}", posix::error_text(errno)));
    closed_until_us_ = now_us + kPauseUs;
    return;
  }
  if (!make_room(now_us)) {
    parts_.log.line(fmt::format("pop3 turned-away sessions={}", sessions_.size()));
    turn_away(connection.get());
    return;
  }
  if (Result<> done = start_session(connection.get(), now_us); !done) {
    parts_.log.error(done.error());
    turn_away(connection.get());
  }
}

// Nobody keeps others out by many connections that say nothing.
bool Pop3Door::make_room(std::int64_t now_us) {
  if (!parts_.instance.is_system()) return sessions_.size() < kMaxSessions;
  if (sessions_.size() >= kMaxInSystem) return false;
  if (greeters_.size() < kMaxSessions) return true;
  const Greeter& oldest = greeters_.front();
  if (now_us - oldest.since_us < kLoginUs) return false;
  (void)::kill(-oldest.pid, SIGKILL);  // its checkpassword ends with it
  greeters_.erase(greeters_.begin());
  return true;
}

Result<> Pop3Door::start_session(int connection, std::int64_t now_us) {
  const int on = 1;
  (void)::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (parts_.instance.is_system()) return start_apart(connection, now_us);
  posix::Command command = parts_.command(
      "popup", {host_, parts_.program("checkpassword"), parts_.program("pop3d"), "Maildir"});
  command.fds = {connection, connection, parts_.log.fd()};
  Result<pid_t> pid = parts_.start(command);
  if (!pid) return failed(pid);
  sessions_.insert(*pid);
  return {};
}

// Each has the connection: popup to talk on, checkpassword for the session.
Result<> Pop3Door::start_apart(int connection, std::int64_t now_us) {
  Result<posix::SocketPair> pair = posix::message_pair();
  if (!pair) return failed(pair);
  posix::Command check =
      parts_.command("checkpassword", {"--beside", parts_.program("pop3d"), "Maildir"});
  check.fds = {connection, connection, parts_.log.fd(), pair->theirs.get()};
  Result<pid_t> checker = parts_.start(check);
  if (!checker) return failed(checker);
  sessions_.insert(*checker);
  // Where popup does not start, the other one sees the end of the pair.
  posix::Command popup = parts_.command("popup", {"--beside", host_});
  popup.fds = {connection, connection, parts_.log.fd(), pair->ours.get()};
  Result<pid_t> greeter = parts_.start(popup, parts_.instance.identities().network);
  if (!greeter) return failed(greeter);
  greeters_.push_back({*greeter, now_us});
  return {};
}

bool Pop3Door::ended(pid_t child, const posix::Ended& how) {
  const bool greeter =
      std::erase_if(greeters_, [&](const Greeter& g) { return g.pid == child; }) > 0;
  if (!greeter && sessions_.erase(child) == 0) return false;
  if (how.signal != 0) {
    const bool is_popup = greeter || !parts_.instance.is_system();
    parts_.log.line(fmt::format("ended part={} pid={} how=\"{}\"",
                                is_popup ? "popup" : "checkpassword", child, how.text()));
  }
  return true;
}

void Pop3Door::signal_sessions(int signal) const {
  for (const Greeter& greeter : greeters_) (void)::kill(-greeter.pid, signal);
  for (const pid_t session : sessions_) (void)::kill(-session, signal);
}

}  // namespace porpoise::front
