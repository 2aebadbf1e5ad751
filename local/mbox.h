// Delivery into an mbox: locked, appended, synced; or as it was before.

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "libmail/result.h"
#include "local/signals.h"

namespace porpoise::local {

/// Appends `head` (the From_ line and the fields put before the message) as it is, then all of
/// `message` (a seekable descriptor, from its beginning) with its From_ lines quoted, then an
/// empty line; syncs it. A mailbox that does not exist is made, with mode 0600, and its folder
/// synced. One whose last message lacks its empty line gets that first.
///
/// Locked with both flock(2) and fcntl(2) (an OFD lock), so that readers of either custom are kept
/// out; never without. Both are waited for together, for at most `patience`.
///
/// Temporary errors, after which the mailbox is as long as before: it cannot be opened or is no
/// regular file, a lock is refused or not to be had, reading, writing or syncing failed, or we
/// were told to end while waiting.
Result<> append_to_mbox(const std::string& path, std::string_view head, int message,
                        std::chrono::milliseconds patience, HeldSignals& signals);

}  // namespace porpoise::local
