// What the program bounce does: one notice about one message, into the queue.

#pragma once

#include "instance/instance.h"
#include "libmail/result.h"
#include "queue/id.h"

namespace porpoise::send {

struct BounceOptions {
  queue::Id id;         ///< of the notice
  queue::Id about;      ///< the message
  int content = 0;      ///< descriptor of the message's content
  int description = 3;  ///< descriptor of the failures (description.h)
};

inline constexpr std::size_t kMaxHeaderOctets = 65536;  ///< of the message, in a notice

/// Queues it. That it is queued already is success, once it is known to be on disk.
Result<> bounce(const Instance& instance, const BounceOptions& options);

}  // namespace porpoise::send
