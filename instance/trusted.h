// Files of an instance that decide who runs what.

#pragma once

#include <optional>
#include <string>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise {

/// The text of "users/assign", "control/remote" and their like; nothing where there is none. In a
/// system instance it is believed only if it is a regular file of root's that nobody else may write
/// to, wherever a link leads. Errors are temporary and name the file: mail waits.
Result<std::optional<std::string>> trusted_text(const Instance& instance, const std::string& file);

}  // namespace porpoise
