// What lies in the queue, as far as the front door looks.

#pragma once

#include <string>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "queue/id.h"

namespace porpoise::front {

/// How many messages are in the queue, in whatever state.
Result<std::size_t> count_messages(const Instance& instance);

/// Each of `texts` as an id. A permanent error names the first that is none.
Result<std::vector<queue::Id>> parse_ids(const std::vector<std::string>& texts);

/// A permanent error names the first of `ids` that no message in the queue has.
Result<> check_queued(const Instance& instance, const std::vector<queue::Id>& ids);

}  // namespace porpoise::front
