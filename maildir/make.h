// A new Maildir.

#pragma once

#include <string>

#include "libmail/result.h"

namespace porpoise::maildir {

/// Makes `path` with tmp, new and cur, all of mode 0700, and syncs them and the folder that holds
/// `path`. All errors are temporary, and leave nothing behind; something that exists already is
/// one of them.
Result<> make(const std::string& path);

}  // namespace porpoise::maildir
