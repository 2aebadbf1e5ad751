// sendmail -odi: the message is tried while the caller waits.

#pragma once

#include <string>
#include <vector>

#include "inject/failure.h"
#include "instance/instance.h"
#include "queue/attempt.h"

namespace porpoise::inject {

/// What there is to say about the first attempts at a message, which is queued whatever it is.
struct Told {
  std::vector<std::string> lines;  ///< for the caller, one for each recipient not delivered to
  std::optional<Failure> failure;  ///< where at least one has failed; its text is not in `lines`
};

/// Pure. 67 where all that failed is an unknown user, 68 an unknown host, else 69. What is deferred
/// is no failure: it is still queued. Fewer ends than recipients: the rest is somebody else's work.
Told tell(const std::string& id, const std::vector<queue::Attempted>& attempts,
          std::size_t recipients);

/// Where no send runs, starts one, waits for it and says so on standard error.
Outcome<> attempt_and_tell(const Instance& instance, const std::string& id, std::size_t recipients);

}  // namespace porpoise::inject
