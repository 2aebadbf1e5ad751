// `porpoise passwd NAME`: sets a POP3 password.

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"

namespace porpoise::front {

/// Errors: those of ask_secret and set_password; a permanent one where nobody can log in as
/// `name`.
Result<int> passwd(const std::optional<std::string>& instance, const std::string& name);

}  // namespace porpoise::front
