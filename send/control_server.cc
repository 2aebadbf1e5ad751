#include "send/control_server.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>

#include "posix/file.h"
#include "posix/socket.h"

namespace porpoise::send {

Result<ControlServer> ControlServer::listen(const Instance& instance) {
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return failed(run);
  Result<posix::UniqueFd> listener = posix::listen_in(run->get(), "control", 0600);
  if (!listener) return failed(listener);
  if (Result<> done = posix::set_nonblocking(listener->get()); !done) return failed(done);
  ControlServer server;
  server.listener_ = std::move(*listener);
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
  const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (clients_.size() == kMaxClients) clients_.erase(clients_.begin());
  clients_.push_back({posix::UniqueFd(fd), "", "", false});
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
    client.out += answer(std::string_view(client.in).substr(0, end));
    client.in.erase(0, end + 1);
  }
  client.over = client.in.size() > kMaxLineOctets || client.out.size() > kMaxUnread;
}

void ControlServer::write(Client& client) {
  if (client.out.empty()) return;
  const ssize_t n = ::send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
  if (n > 0) client.out.erase(0, static_cast<std::size_t>(n));
  if (n < 0 && errno != EAGAIN && errno != EINTR) client.over = true;
}

}  // namespace porpoise::send
