// `porpoise run`: the whole of a personal instance in the foreground.

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"

namespace porpoise::front {

struct RunWish {
  std::optional<std::string> instance;
  std::optional<std::string> log;    ///< a file to append to; standard output otherwise
  std::string log_format = "plain";  ///< or "json"
};

/// Runs until SIGTERM or SIGINT, then lets deliveries under way finish (a second such signal does
/// not) and answers 0. SIGHUP and SIGALRM go on to send, SIGHUP to the serving side of queue too.
///
/// Errors, before anything was started: those of Instance::find and require_owner; the log cannot
/// be opened; the instance is running already (temporary); a control file that is wrong; a port
/// that is taken; a program that is missing.
Result<int> run(const RunWish& wish);

}  // namespace porpoise::front
