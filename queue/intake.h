// The program's side of the queue protocol (reference 4.1 to 4.3): reads descriptors 0 and 1.

#pragma once

#include "queue/submit.h"

namespace porpoise::queue {

inline constexpr std::int64_t kIntakeSeconds = 86400;  ///< then code 52, and nothing is left

/// Reads the message from descriptor 0 to its end, then the envelope from descriptor 1 to its final
/// NUL, and queues them. The signals of reference 4.2 are ignored; SIGTERM while reading ends it
/// with code 71. On every failure nothing is queued, and nothing is left behind.
SubmitResult<> take_in(const Instance& instance);

}  // namespace porpoise::queue
