// The line that is put in front of each message.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "queue/submit.h"

namespace porpoise::queue {

/// The Received field, whole lines: of a session where the options have its clauses, else qmail's.
/// `id` is left out of a session's where it is "". Control octets in what the options say are "?".
/// `uid` is who handed it in.
std::string received_line(const SubmitOptions& options, uid_t uid, std::string_view id,
                          std::int64_t wall_us);

}  // namespace porpoise::queue
