// What the parts of `porpoise run` are started with.

#pragma once

#include <string>
#include <vector>

#include "front/log.h"
#include "instance/instance.h"
#include "posix/process.h"

namespace porpoise::front {

struct Parts {
  const Instance& instance;
  std::string programs;                  ///< the private folder of programs
  std::vector<std::string> environment;  ///< of the parts, with PORPOISE naming the instance
  Log log;

  std::string program(const std::string& name) const { return programs + "/" + name; }
  /// A command in a session of its own, so that a Ctrl-C at our terminal is ours alone, and that
  /// ends with us whatever ends us.
  posix::Command command(const std::string& name, std::vector<std::string> arguments) const;

  /// Starts it as we are.
  Result<pid_t> start(const posix::Command& command) const { return posix::start(command); }
  /// In a system instance, starts it as `who` and nothing more: its uid, its gid and no other
  /// group, no new privileges. In a personal one, as we are. Who could not be become, or a program
  /// that is not there, is a line in the log and an end with exit code 111.
  Result<pid_t> start(const posix::Command& command, const Identity& who) const;
};

/// Of a personal instance's parts ours, with the instance; of a system's, nothing of ours.
std::vector<std::string> environment_of_parts(const Instance& instance);

/// `environment` with NAME=value, instead of what it had for NAME.
std::vector<std::string> with_variable(std::vector<std::string> environment,
                                       const std::string& name, const std::string& value);

}  // namespace porpoise::front
