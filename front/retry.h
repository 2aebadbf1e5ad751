// `porpoise retry`: makes waiting messages due now.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libmail/result.h"

namespace porpoise::front {

/// Asks send; where none runs, that is a temporary error in a system instance, and in a personal
/// one this becomes `send --once --retry`. Prints how many became due. A permanent error names an
/// id that is none, or of no message in the queue; the ids before it are due then.
Result<int> retry(const std::optional<std::string>& instance, const std::vector<std::string>& ids);

}  // namespace porpoise::front
