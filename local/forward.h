// Sending a message on: for the forward lines of a dot-file, and for forward(1).

#pragma once

#include <string>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::local {

/// Queues `first_line` and then all that `message` (a descriptor) gives from its offset on, from
/// `sender` to `recipients`, as one message of this instance. Gives the text that names it: the
/// id, or "" where a foreign QMAILQUEUE took it. Errors have the fate and the text of the queue's
/// exit codes.
Result<std::string> forward(const Instance& instance, const std::string& sender,
                            const std::vector<std::string>& recipients,
                            const std::string& first_line, int message);

}  // namespace porpoise::local
