#include "front/doors.h"

#include <sys/socket.h>
#include <unistd.h>

#include "posix/error.h"
#include "posix/socket.h"

namespace porpoise::front {
namespace {

int family_of(int socket) {
  int family = 0;
  socklen_t length = sizeof family;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 ? family : AF_UNSPEC;
}

Result<> check(const Instance& instance, const ListenFds& given) {
  for (const auto& [name, socket] : given) {
    const bool is_local = name == "submit" || name == "control";
    if ((!is_local && name != "pop3") || (is_local && !instance.is_system())) {
      return permanent("a socket called {} was given; want {}", name,
                       instance.is_system() ? "submit, control and pop3" : "pop3");
    }
    const int family = family_of(socket.get());
    if (is_local ? family != AF_UNIX : family != AF_INET && family != AF_INET6) {
      return permanent("the socket called {} is no {} socket", name, is_local ? "Unix" : "TCP");
    }
  }
  return {};
}

posix::UniqueFd take(ListenFds& given, const std::string& name) {
  const auto at = given.find(name);
  return at == given.end() ? posix::UniqueFd() : std::move(at->second);
}

}  // namespace

Result<Doors> Doors::open(const Instance& instance, ListenFds given) {
  if (Result<> done = check(instance, given); !done) return failed(done);
  Doors doors;
  doors.pop3_ = take(given, "pop3");
  if (!instance.is_system()) return doors;
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return failed(run);
  struct Door {
    const char* name;
    posix::UniqueFd& socket;
    bool& ours;
  };
  for (const Door& door : {Door{"submit", doors.submit_, doors.ours_submit_},
                           Door{"control", doors.control_, doors.ours_control_}}) {
    door.socket = take(given, door.name);
    if (door.socket.open()) continue;
    Result<posix::UniqueFd> bound = posix::listen_in(run->get(), door.name, 0666);
    if (!bound) {
      return posix::system_error(bound.error().sys,
                                 fmt::format("listening on {}/run/{}", instance.path(), door.name));
    }
    door.socket = std::move(*bound);
    door.ours = true;
  }
  return doors;
}

void Doors::close(const Instance& instance) {
  if (ours_submit_) (void)::unlinkat(instance.folder(), "run/submit", 0);
  if (ours_control_) (void)::unlinkat(instance.folder(), "run/control", 0);
  ours_submit_ = ours_control_ = false;
  submit_.reset();
  control_.reset();
}

}  // namespace porpoise::front
