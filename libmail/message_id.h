// Message-ids (RFC 5322 section 3.6.4).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// What makes one unlike every other: the time, the process, and 64 random bits, so that it stays
/// unique where a process is frozen while pids wrap, on machines whose clocks agree, and in
/// containers that all have pid 1.
struct MessageIdSource {
  std::int64_t wall_us = 0;  ///< microseconds since 1970
  std::int64_t pid = 0;
  std::uint64_t random = 0;
};

/// "<20261121041954.123456.4711.0f4q2k9w81zc3@HOST>": ASCII only, no comment or blank inside.
/// `host` must be a domain that may stand unquoted.
std::string make_message_id(const MessageIdSource& source, std::string_view host);

}  // namespace porpoise::mail
