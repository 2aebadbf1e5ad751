// Trying a message that has just been queued, and hearing how that ended.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::queue {

/// How the first attempt at a recipient ended.
struct Attempted {
  enum class End { delivered, deferred, failed };
  End end = End::deferred;
  std::string address;
  std::string text;  ///< the report of the delivery, may be of several lines

  bool operator==(const Attempted&) const = default;
};

/// Starts `send --once` in a session of its own and waits until each of `recipients` recipients of
/// message `id` has been tried, or it has ended; what else it has to do goes on without us. Fewer
/// or no answers: another send works on the queue, or it did not come to an end. Errors: it cannot
/// be started, or ended without a word and not well. In no case is the message anything but queued,
/// or done.
Result<std::vector<Attempted>> attempt(const Instance& instance, const std::string& id,
                                       std::size_t recipients);

/// The records that send writes (Options::Report); one that is cut off is passed over.
std::vector<Attempted> read_attempts(std::string_view octets);

}  // namespace porpoise::queue
