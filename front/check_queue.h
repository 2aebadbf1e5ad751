// `porpoise check-queue`: is the queue as it should be, and if not, is it to be put right?

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"

namespace porpoise::front {

struct CheckQueueWish {
  std::optional<std::string> instance;
  bool repair = false;
  bool json = false;
};

/// Writes a line for each finding, and one that sums up. The code is 0: all is well; 1: it was
/// not, and is now; 4: something is left.
Result<int> check_queue(const CheckQueueWish& wish);

}  // namespace porpoise::front
