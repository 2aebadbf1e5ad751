#include "posix/outlet.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

namespace porpoise::posix {
namespace {

// PIPE_BUF: a pipe that is ready for writing takes so many without blocking.
constexpr std::size_t kPipeOctets = 4096;

}  // namespace

bool Outlet::send(std::string_view text, const Wait& wait) {
  while (!text.empty()) {
    if (!send_some(text, wait)) return false;
  }
  return true;
}

bool Outlet::send_some(std::string_view& text, const Wait& wait) {
  ssize_t n = -1;
  if (is_socket_) {
    n = ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK) is_socket_ = false;
  }
  if (n < 0 && (!is_socket_ || errno == EAGAIN)) {
    if (!wait(fd_)) return false;
    if (is_socket_) return true;  // and again
    n = ::write(fd_, text.data(), std::min(text.size(), kPipeOctets));
  }
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  text.remove_prefix(static_cast<std::size_t>(n));
  return true;
}

}  // namespace porpoise::posix
