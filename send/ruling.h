// What an error is taken for, and by what name a destination is known. Pure.

#pragma once

#include <string_view>

#include "libmail/retry_rules.h"
#include "send/actions.h"

namespace porpoise::send {

/// Of a deferral of `address` (of the envelope, with a domain), routed to `routed`, with `report`.
///
/// An error is about the destination where all its statuses are: x.2 mailbox, x.3 mail system and
/// x.4 network, but not what depends on the message's size (x.2.3, x.3.4). Policy, content,
/// protocol and what has no status may be about the message. A network's error at another host is
/// shared.
Ruling rule_on(const mail::RetryRules& rules, std::string_view address, std::string_view routed,
               Channel channel, std::string_view report);

/// An address here, a host elsewhere; case does not matter. `seed` makes the hash our own.
Destination destination_of(std::string_view routed, Channel channel, std::uint64_t seed);

/// Who shares places with it: all addresses here whose local part begins with the same user name,
/// up to the first "-", in whatever domain, since all of them may be one slow user's; the host
/// elsewhere.
Destination crowd_of(std::string_view routed, Channel channel, std::uint64_t seed);

}  // namespace porpoise::send
