// The Received field of a message that a session took (RFC 5321 section 4.4).

#pragma once

#include <string>
#include <string_view>

#include "queue/submit.h"
#include "smtp/world.h"

namespace porpoise::smtp {

/// `peer` is what we know of the client ourselves: "[192.0.2.1]", "uid 1000"; "" where nothing is.
/// A name in HELO that is no domain is only told as what was said.
queue::ReceivedClauses received_clauses(const Trace& trace, const std::string& host,
                                        std::string_view peer);

}  // namespace porpoise::smtp
