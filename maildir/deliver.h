// Delivery into a Maildir: a message appears in new/ whole and on disk, or not at all. No locks;
// works on file systems shared by several hosts.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "libmail/result.h"
#include "maildir/unique_name.h"
#include "posix/durable_file.h"

namespace porpoise::maildir {

inline constexpr int kMaxNames = 10;  ///< names tried where each exists already

/// What a delivery takes from the world outside of the Maildir.
struct World {
  std::function<Stamp()> stamp;  ///< a new one at each call
  posix::Birth birth;
};
World real_world();

/// Writes `prefix` and then all that `message` (a descriptor) gives from its offset on, as one new
/// file of mode 0600. Success: file and folder are synced; the name in new/ is returned. The
/// folder is never created. All errors are temporary: a Maildir can be mended, a disk emptied.
Result<std::string> deliver(const std::string& maildir, std::string_view prefix, int message,
                            const World& world);

}  // namespace porpoise::maildir
