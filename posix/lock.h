// Locks of open files (OFD, fcntl F_OFD_SETLK): they end with the last descriptor of the open
// file, also by a crash, and are not lost when another descriptor of the same file is closed.

#pragma once

#include <chrono>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::posix {

/// Takes the exclusive lock of the whole file `fd` (open for writing). False: somebody has it.
/// Any other failure is an error, never taken for a lock.
Result<bool> try_lock(int fd, std::string_view what);

/// The same, waiting. Longer than `patience`: a temporary error with sys = ETIMEDOUT.
Result<> lock(int fd, std::string_view what, std::chrono::milliseconds patience);

/// The pid that holds the lock is not known for OFD locks; this tells whether somebody has it.
Result<bool> is_locked(int fd, std::string_view what);

}  // namespace porpoise::posix
