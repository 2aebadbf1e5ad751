#include "send/control_server.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>

#include "posix/clock.h"
#include "posix/file.h"
#include "posix/socket.h"

namespace porpoise::send {
namespace {

constexpr uid_t kNobody = UINT32_MAX;         // no message is of this uid
constexpr std::size_t kMaxRemembered = 1024;  // uids that have asked lately
constexpr int kAcceptsATurn = 32;

}  // namespace

Result<ControlServer> ControlServer::listen(const Instance& instance) {
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return failed(run);
  Result<posix::UniqueFd> listener = posix::listen_in(run->get(), "control", 0600);
  if (!listener) return failed(listener);
  return given(instance, std::move(*listener));
}

Result<ControlServer> ControlServer::given(const Instance& instance, posix::UniqueFd listener) {
  if (Result<> done = posix::set_nonblocking(listener.get()); !done) return failed(done);
  ControlServer server;
  server.listener_ = std::move(listener);
  server.owner_ = instance.owner().uid;
  server.overflow_ = posix::overflow_uid();
  server.clock_ = posix::running_us;
  return server;
}

void ControlServer::add_to(std::vector<pollfd>& wanted) const {
  wanted.push_back({listener_.get(), POLLIN, 0});
  for (const Client& client : clients_) {
    const short events = client.out.empty() ? POLLIN : POLLOUT;
    wanted.push_back({client.socket.get(), events, 0});
  }
}

void ControlServer::serve(const std::vector<pollfd>& ready, const Answer& answer) {
  const auto happened = [&ready](int fd) {
    const auto at = std::ranges::find(ready, fd, &pollfd::fd);
    return at != ready.end() && at->revents != 0;
  };
  for (Client& client : clients_) {
    if (!happened(client.socket.get())) continue;
    if (client.out.empty()) read(client, answer);
    write(client);
  }
  std::erase_if(clients_, [](const Client& client) { return client.over; });
  if (happened(listener_.get())) accept();
}

void ControlServer::accept() {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    posix::UniqueFd socket(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.open()) return;
    ucred who{};
    socklen_t length = sizeof who;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) continue;
    const bool may_do_all = who.uid == 0 || who.uid == owner_;
    const uid_t uid = who.uid == overflow_ && !may_do_all ? kNobody : who.uid;
    add(std::move(socket), {uid, may_do_all});
  }
}

void ControlServer::add(posix::UniqueFd socket, const Peer& peer) {
  make_room(peer);
  clients_.push_back({.socket = std::move(socket), .peer = peer});
}

// Nobody pushes out others by many connections, and nobody root.
void ControlServer::make_room(const Peer& peer) {
  const auto same = [&](const Client& client) { return client.peer.uid == peer.uid; };
  const auto stranger = [](const Client& client) { return !client.peer.may_do_all; };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(clients_, same));
  if (!peer.may_do_all && count >= kMaxClientsOfUid) {
    clients_.erase(std::ranges::find_if(clients_, same));
  }
  if (clients_.size() < kMaxClients) return;
  auto oldest = std::ranges::find_if(clients_, stranger);
  if (oldest == clients_.end()) oldest = clients_.begin();
  clients_.erase(oldest);
}

void ControlServer::read(Client& client, const Answer& answer) {
  char room[kMaxLineOctets];
  Result<std::size_t> n = posix::read_some(client.socket.get(), room, "a command");
  if (!n && n.error().sys == EAGAIN) return;
  client.over = !n || *n == 0;
  if (client.over) return;
  client.in.append(room, *n);
  for (std::size_t end = client.in.find('\n'); end != std::string::npos;
       end = client.in.find('\n')) {
    client.out += may_ask(client.peer)
                      ? answer(client.peer, std::string_view(client.in).substr(0, end))
                      : "-ERR too many commands, try again later\n";
    client.in.erase(0, end + 1);
  }
  client.over = client.in.size() > kMaxLineOctets || client.out.size() > kMaxUnread;
}

bool ControlServer::may_ask(const Peer& peer) {
  if (peer.may_do_all) return true;
  const std::int64_t now = clock_();
  if (asked_until_.size() >= kMaxRemembered) {
    std::erase_if(asked_until_, [&](const auto& entry) { return entry.second <= now; });
    // So many uids at once are one who has many: they share what is left.
    if (asked_until_.size() >= kMaxRemembered && !asked_until_.contains(peer.uid)) return false;
  }
  std::int64_t& until = asked_until_[peer.uid];
  if (until > now + (kCommandsAtOnce - 1) * kCommandEveryUs) return false;
  until = std::max(until, now) + kCommandEveryUs;
  return true;
}

void ControlServer::write(Client& client) {
  if (client.out.empty()) return;
  const ssize_t n = ::send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
  if (n > 0) client.out.erase(0, static_cast<std::size_t>(n));
  if (n < 0 && errno != EAGAIN && errno != EINTR) client.over = true;
}

}  // namespace porpoise::send
