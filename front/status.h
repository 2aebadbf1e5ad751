// `porpoise status`: whether an instance runs.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libmail/result.h"

namespace porpoise::front {

struct StatusWish {
  std::optional<std::string> instance;
  bool wait = false;
  std::int64_t timeout_s = 30;
};

/// Prints what runs and what waits; 0 where send answers, 1 where it does not. With `wait`, returns
/// once the instance is ready: send answers, and run/pop3port is there where control/pop3port wants
/// one; a temporary error after `timeout_s`. Other errors: those of Instance::find, require_owner
/// and control/pop3port.
Result<int> status(const StatusWish& wish);

}  // namespace porpoise::front
