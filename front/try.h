// porpoise try ADDRESS: where mail for it would go, and why, without sending any.

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"

namespace porpoise::front {

/// Prints it. 0: it would be delivered, as far as can be told here; 100: it would come back; 111:
/// it would wait, since something is wrong that can be mended.
Result<int> try_address(const std::optional<std::string>& instance, const std::string& address);

}  // namespace porpoise::front
