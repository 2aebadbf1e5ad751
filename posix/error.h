// errno becomes an Error here and nowhere else.

#pragma once

#include <cerrno>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::posix {

/// True for the errno values that are worth another try (reference section 0.5); everything else,
/// notably ENOENT, EACCES and ENOEXEC, is permanent.
bool is_temporary(int err);

/// "ACT: strerror(err)", with the fate of is_temporary(err). `act` names the act and the object.
[[nodiscard]] tl::unexpected<Error> system_error(int err, std::string_view act);

/// The same, always worth another try: for places where only the machine can be at fault.
[[nodiscard]] tl::unexpected<Error> trouble(int err, std::string_view act);

/// `strerror`, safe with threads.
std::string error_text(int err);

}  // namespace porpoise::posix
