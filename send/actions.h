// What the scheduler is told of a message, and what it wants done.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libmail/retry_rules.h"
#include "queue/id.h"
#include "queue/record.h"
#include "queue/spool.h"
#include "send/log_entry.h"
#include "send/times.h"

namespace porpoise::send {

/// Where a delivery goes. Each channel has slots of its own, so that neither can hold up the
/// other.
enum class Channel : std::uint8_t {
  local,
  remote,  ///< to other hosts, by the program of control/remote
};
inline constexpr std::size_t kChannels = 2;
inline constexpr std::array<Channel, kChannels> kEveryChannel = {Channel::local, Channel::remote};

/// An address here or a host elsewhere, by a hash of its name: a million recipients have no names
/// in memory. 0: none, which has no limits and no state.
using Destination = std::uint64_t;

/// The part of it that a waiting message has room for.
constexpr std::uint32_t tag_of(Destination to) {
  const auto tag = static_cast<std::uint32_t>(to >> 32);
  return tag <= 1 && to != 0 ? 2 : tag;
}
inline constexpr std::uint32_t kHeldTag = 1;  ///< it waits for a channel that has no slots

struct Limits {
  std::uint32_t deliveries = 10;     ///< control/concurrencylocal; 0 holds local mail
  std::uint32_t remote = 20;         ///< control/concurrencyremote; 0 holds the other
  std::uint32_t per_recipient = 4;   ///< control/concurrencyrecipient: of one user here, at once
  std::uint32_t per_host = 5;        ///< control/concurrencyhost
  std::size_t open_per_class = 200;  ///< messages open, of first attempts and of retries each
  std::size_t notices = 4;           ///< being queued at once
  std::int64_t lifetime_s = std::int64_t{7} * 86400;  ///< control/queuelifetime

  bool operator==(const Limits&) const = default;
};

/// A message as its file and the routing tables have it when an attempt begins.
struct Loaded {
  enum class Recipient : std::uint8_t {
    waiting,
    done,
    failed,    ///< and nobody has been told
    reported,  ///< failed, and a notice about it is intended or queued, or not wanted
  };

  /// A waiting recipient that no delivery can be started for: it fails at once.
  struct Refused {
    std::uint32_t recipient = 0;
    std::string address;
    std::string text;
  };

  /// What is known of a waiting recipient; those that `waiting` does not have are as these are.
  struct Waiting {
    Channel channel = Channel::local;
    Destination to = 0;
    Destination crowd = 0;         ///< whose places it takes; 0: those of `to`
    std::uint32_t attempts = 0;    ///< made so far
    Time due = 0;                  ///< by its retry rule; 0: at once
    std::int64_t lifetime_s = -1;  ///< by its rule; -1: Limits::lifetime_s
    bool reports = true;           ///< false: nobody wants to be told of its failure
  };

  queue::Place place = queue::Place::incoming;
  Time arrival = 0;
  Time next = 0;  ///< 0: never put off
  std::uint32_t attempts = 0;
  bool held = false;
  bool reports = true;  ///< false: the sender is `#@[]`, failures are told to nobody
  std::vector<Recipient> recipients;
  std::vector<Waiting> waiting;  ///< by recipient; may be shorter
  std::vector<Refused> refused;
  std::vector<queue::Id> open_intents;
  std::optional<queue::Id> notice_about;  ///< it is a notice about that message
  bool confirmed = true;                  ///< false: that one's file does not yet say it is queued
};

/// What a deferral is taken for: see ruling.h.
struct Ruling {
  std::optional<mail::RetryPlan> plan{};  ///< nothing: the usual one of the channel
  bool tried = true;               ///< false: the delivery was never made, for reasons of our own
  bool about_destination = false;  ///< what met it meets others to the same destination
  bool unreachable = false;        ///< so much so that one at a time is enough to find out
  std::uint32_t error = 0;         ///< the same for the same error
  std::string name{};              ///< of the destination, for the log
};

/// Read the message; answer with loaded() or load_failed(), which is of no account once the message
/// is closed. `first`: its first attempt.
struct Load {
  queue::Id id;
  bool first = false;
};
/// Begin a delivery; answer with reported().
struct Start {
  std::uint32_t slot = 0;
  std::uint64_t number = 0;  ///< counts from 1, for the log
  queue::Id id;
  std::uint32_t recipient = 0;
  Channel channel = Channel::local;
  std::uint32_t attempt = 1;  ///< at this recipient
};
/// Append these, sync, and then move or remove the message; answer with written().
struct Write {
  enum class Then : std::uint8_t { stay, defer, remove };
  queue::Id id;
  queue::Place place = queue::Place::incoming;
  std::shared_ptr<const std::vector<queue::Event>> events;
  Then then = Then::stay;
};
/// Queue notice `id` about what `about` has recorded under that intent; answer with notice_done().
struct QueueNotice {
  queue::Id about;
  queue::Id id;
};
/// Put a damaged message aside; answer with written().
struct SetAside {
  queue::Id id;
};
/// The message is open no more: forget what belongs to it.
struct Close {
  queue::Id id;
};
/// A line of the log.
struct Say {
  LogEntry entry;
};
/// How an attempt at a recipient of the watched message ended: K, Z or D.
struct Tell {
  queue::Id id;
  std::uint32_t recipient = 0;
  char letter = 'Z';
  std::string text;
};
using Action = std::variant<Load, Start, Write, QueueNotice, SetAside, Close, Say, Tell>;

/// How a disk job or a reading ended.
enum class Outcome {
  ok,
  trouble,  ///< to be done again later
  damaged,  ///< the file is not what it was
  gone,     ///< there is no such file
};

}  // namespace porpoise::send
