#include "front/parts.h"

namespace porpoise::front {

std::vector<std::string> with_variable(std::vector<std::string> environment,
                                       const std::string& name, const std::string& value) {
  std::erase_if(environment, [&](const std::string& e) { return e.starts_with(name + "="); });
  environment.push_back(fmt::format("{}={}", name, value));
  return environment;
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

}  // namespace porpoise::front
