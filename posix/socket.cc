#include "posix/socket.h"

#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::posix {
namespace {

// The name of `name` in `folder` that fits sun_path whatever the path of the folder.
Result<sockaddr_un> address_in(int folder, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder, name);
  if (path.size() >= sizeof address.sun_path) return permanent("socket name {}: too long", name);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> new_socket(int family, int type) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  if (!fd.open()) return trouble(errno, "making a socket");
  return fd;
}

}  // namespace

Result<UniqueFd> listen_in(int folder, const std::string& name, mode_t mode) {
  Result<sockaddr_un> address = address_in(folder, name);
  if (!address) return failed(address);
  Result<UniqueFd> fd = new_socket(AF_UNIX, SOCK_STREAM);
  if (!fd) return fd;
  if (::unlinkat(folder, name.c_str(), 0) != 0 && errno != ENOENT) {
    return system_error(errno, fmt::format("removing an old socket {}", name));
  }
  if (::bind(fd->get(), reinterpret_cast<sockaddr*>(&*address), sizeof *address) != 0) {
    return system_error(errno, fmt::format("binding socket {}", name));
  }
  if (::fchmodat(folder, name.c_str(), mode, 0) != 0 || ::listen(fd->get(), 128) != 0) {
    return system_error(errno, fmt::format("listening on socket {}", name));
  }
  return fd;
}

Result<UniqueFd> connect_in(int folder, const std::string& name) {
  Result<sockaddr_un> address = address_in(folder, name);
  if (!address) return failed(address);
  Result<UniqueFd> fd = new_socket(AF_UNIX, SOCK_STREAM);
  if (!fd) return fd;
  int done;
  do {
    done = ::connect(fd->get(), reinterpret_cast<sockaddr*>(&*address), sizeof *address);
  } while (done != 0 && errno == EINTR);
  if (done != 0) return system_error(errno, fmt::format("connecting to socket {}", name));
  return fd;
}

Result<UniqueFd> listen_loopback(unsigned short& port) {
  Result<UniqueFd> fd = new_socket(AF_INET, SOCK_STREAM);
  if (!fd) return fd;
  const int on = 1;
  (void)::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd->get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd->get(), 128) != 0) {
    return system_error(errno, fmt::format("listening on 127.0.0.1 port {}", port));
  }
  socklen_t length = sizeof address;
  if (::getsockname(fd->get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return trouble(errno, "asking a socket for its port");
  }
  port = ntohs(address.sin_port);
  return fd;
}

Result<SocketPair> message_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return trouble(errno, "making a socket pair");
  }
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<> send_message(int socket, std::string_view text, int descriptor) {
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    header.msg_control = room;
    header.msg_controllen = sizeof room;
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
  }
  ssize_t n;
  do {
    n = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return system_error(errno, "sending a message");
  return {};
}

namespace {

// Takes all that came, so that none stays open unseen; the last is kept. How many they were.
std::size_t take_descriptors(msghdr& header, UniqueFd& kept) {
  std::size_t count = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
      kept.reset(fd);
      ++count;
    }
  }
  return count;
}

}  // namespace

Result<std::optional<Message>> receive_message(int socket, std::size_t max_octets) {
  Message message;
  message.text.resize(max_octets);
  iovec piece{message.text.data(), message.text.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  header.msg_control = room;
  header.msg_controllen = sizeof room;
  ssize_t n;
  do {
    n = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return system_error(errno, "receiving a message");
  const std::size_t descriptors = take_descriptors(header, message.descriptor);
  if (descriptors > 1 || (header.msg_flags & MSG_CTRUNC) != 0) {
    return permanent("receiving a message: more than one descriptor");
  }
  if (n == 0) return std::optional<Message>();
  if (header.msg_flags & MSG_TRUNC) {
    return permanent("receiving a message: longer than {} octets", max_octets);
  }
  message.text.resize(static_cast<std::size_t>(n));
  return std::optional<Message>(std::move(message));
}

Result<> set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return trouble(errno, "making a descriptor non-blocking");
  }
  return {};
}

uid_t overflow_uid() {
  constexpr uid_t kUsual = 65534;
  const Result<std::string> text = read_file(kHere, "/proc/sys/kernel/overflowuid", 32);
  uid_t uid = kUsual;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), uid);
  return uid;
}

}  // namespace porpoise::posix
