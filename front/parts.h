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
  std::vector<std::string> environment;  ///< ours, with PORPOISE naming the instance
  Log log;

  std::string program(const std::string& name) const { return programs + "/" + name; }
  /// A command in a session of its own, so that a Ctrl-C at our terminal is ours alone, and that
  /// ends with us whatever ends us.
  posix::Command command(const std::string& name, std::vector<std::string> arguments) const;
};

/// `environment` with NAME=value, instead of what it had for NAME.
std::vector<std::string> with_variable(std::vector<std::string> environment,
                                       const std::string& name, const std::string& value);

}  // namespace porpoise::front
