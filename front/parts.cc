#include "front/parts.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "posix/become.h"
#include "posix/error.h"
#include "posix/program.h"

namespace porpoise::front {
namespace {

Result<> become_only(const Identity& who) {
  if (Result<> done = posix::become({who.uid, who.gid}); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return posix::trouble(errno, "giving up new privileges");
  }
  return {};
}

int become_and_execute(const posix::Command& command, const Identity& who, pid_t parent) {
  if (Result<> done = become_only(who); !done) {
    posix::complain("porpoise", done.error().text);
    return 111;
  }
  // Whoever changes its uid loses it, so not earlier.
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (::getppid() != parent) return 111;
  posix::complain("porpoise", posix::execute(command).text);
  return 111;
}

}  // namespace

std::vector<std::string> with_variable(std::vector<std::string> environment,
                                       const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const std::string& e) { return e.starts_with(name + "="); });
  environment.push_back(fmt::format("{}={}", name, value));
  return environment;
}

std::vector<std::string> environment_of_parts(const Instance& instance) {
  if (!instance.is_system()) {
    return with_variable(posix::own_environment(), "PORPOISE", instance.path());
  }
  return {"PATH=/usr/local/bin:/usr/bin:/bin", "PORPOISE=" + instance.path()};
}

posix::Command Parts::command(const std::string& name, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), name);
  posix::Command command;
  command.path = program(name);
  command.arguments = std::move(arguments);
  command.environment = environment;
  command.fds = {-1, log.fd(), log.fd()};
  command.new_session = true;
  command.dies_with_us = true;
  return command;
}

Result<pid_t> Parts::start(const posix::Command& command, const Identity& who) const {
  if (!instance.is_system()) return posix::start(command);
  const pid_t parent = ::getpid();
  return posix::fork_into(command.fds, [&] { return become_and_execute(command, who, parent); });
}

}  // namespace porpoise::front
