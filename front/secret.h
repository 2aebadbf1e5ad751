// Asking for a password.

#pragma once

#include <string>

#include "libmail/result.h"

namespace porpoise::front {

/// From a terminal: asks twice with `prompt`, without echo; a signal that ends us meanwhile
/// restores the echo first. Otherwise the first line of standard input, without its LF or CR LF.
///
/// Permanent errors: none given (empty), two that differ, longer than
/// pop3d::kMaxPasswordOctets.
Result<std::string> ask_secret(const std::string& prompt);

}  // namespace porpoise::front
