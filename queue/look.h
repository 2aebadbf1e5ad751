// Whether there is something under a name of the queue's.

#pragma once

#include <optional>
#include <string>
#include <sys/stat.h>

#include "libmail/result.h"

namespace porpoise::queue {

/// What has this name below `folder`, not through a link; nothing where there is none. Where that
/// cannot be told it is an error, which nobody may take for nothing.
Result<std::optional<struct stat>> look(int folder, const std::string& name);

/// Whether it is there.
Result<bool> is_there(int folder, const std::string& name);

}  // namespace porpoise::queue
