// The content of a message and its checksum: a rotten one is never delivered, nor written anew as
// if it were whole.

#pragma once

#include "queue/file.h"

namespace porpoise::queue {

/// Writes the content of `file` to descriptor `to` and verifies it on the way: a permanent error
/// with sys = EBADMSG where it is not what was accepted.
Result<> copy_checked(const File& file, int to);

/// The same without a copy.
Result<> check_content(const File& file);

}  // namespace porpoise::queue
