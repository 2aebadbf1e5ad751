// How much of the serving side of queue one uid may have, and everybody together. Whatever is
// beyond a limit is told "later"; nothing that was accepted is touched.

#pragma once

#include <cstdint>
#include <map>
#include <sys/types.h>

#include "instance/control.h"
#include "libmail/result.h"

namespace porpoise::queue {

/// Of one uid; 0: as much as it likes.
struct UidLimits {
  std::uint64_t connections = 100;     ///< open at a time
  std::uint64_t messages = 100'000;    ///< in the queue, and on their way into it
  std::uint64_t octets = 10ull << 30;  ///< of their contents
  std::uint64_t hourly = 100'000;      ///< messages begun an hour; as many at once
  bool operator==(const UidLimits&) const = default;
};

struct SubmitLimits {
  UidLimits anybody{};
  /// Root's and the instance's own accounts': what they hand in is everybody's mail.
  UidLimits own{.connections = 200, .messages = 0, .octets = 0, .hourly = 0};
  std::map<uid_t, UidLimits> of_uid{};

  std::size_t connections = 1000;              ///< in all
  std::size_t kept_connections = 100;          ///< of these, for root and the own accounts
  std::int64_t crowded_s = 5;                  ///< when all are taken, one this old may be ended
  std::size_t memory_octets = 512u << 20;      ///< of what is taken and not written, in all
  std::size_t uid_memory_octets = 128u << 20;  ///< and of one uid
  std::int64_t idle_s = 1200;                  ///< without an octet
  std::int64_t total_s = 86400;                ///< for one message

  bool operator==(const SubmitLimits&) const = default;
};

/// The limits as control/submitlimits and control/timeoutsubmit have them. A line of the first is a
/// uid or "*" (anybody else), then any of connections=N messages=N octets=N hourly=N. Errors name
/// file and line.
Result<SubmitLimits> read_submit_limits(const Control& control);

}  // namespace porpoise::queue
