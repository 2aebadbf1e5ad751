#include "front/listen_fds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libmail/number.h"
#include "posix/error.h"

namespace porpoise::front {
namespace {

constexpr int kFirst = 3;
constexpr int kMost = 16;

std::optional<std::string> take_variable(const char* name) {
  const char* value = ::getenv(name);
  std::optional<std::string> taken;
  if (value != nullptr) taken = value;
  (void)::unsetenv(name);
  return taken;
}

std::optional<int> count_in(const std::optional<std::string>& text) {
  const std::optional<int> number = text ? number_in<int>(*text) : std::nullopt;
  return number && *number < 0 ? std::nullopt : number;
}

bool listens(int fd) {
  int type = 0, accepts = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return false;
  length = sizeof accepts;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 &&
         type == SOCK_STREAM && accepts != 0;
}

}  // namespace

Result<std::vector<std::string>> listen_names(int count, const std::optional<std::string>& names) {
  std::vector<std::string> list;
  std::string_view rest = names ? std::string_view(*names) : std::string_view();
  while (names && list.size() <= static_cast<std::size_t>(count)) {
    const std::size_t colon = rest.find(':');
    list.emplace_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (names && list.size() != static_cast<std::size_t>(count)) {
    return permanent("LISTEN_FDNAMES \"{}\": want {} name{}", *names, count, count == 1 ? "" : "s");
  }
  list.resize(static_cast<std::size_t>(count), "unknown");
  return list;
}

Result<ListenFds> take_listen_fds() {
  const std::optional<std::string> pid = take_variable("LISTEN_PID");
  const std::optional<std::string> fds = take_variable("LISTEN_FDS");
  const std::optional<std::string> named = take_variable("LISTEN_FDNAMES");
  ListenFds taken;
  if (count_in(pid) != ::getpid() || !fds) return taken;
  const std::optional<int> count = count_in(fds);
  if (!count || *count > kMost)
    return permanent("LISTEN_FDS \"{}\" is no number to {}", *fds, kMost);
  Result<std::vector<std::string>> names = listen_names(*count, named);
  if (!names) return failed(names);
  for (int i = 0; i < *count; ++i) {
    const int fd = kFirst + i;
    const std::string& name = (*names)[static_cast<std::size_t>(i)];
    if (!listens(fd)) {
      return permanent("descriptor {} ({}) is no stream socket that listens", fd, name);
    }
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      return posix::trouble(errno, fmt::format("taking descriptor {}", fd));
    }
    if (!taken.emplace(name, posix::UniqueFd(fd)).second) {
      return permanent("LISTEN_FDNAMES: two sockets are called {}", name);
    }
  }
  return taken;
}

}  // namespace porpoise::front
