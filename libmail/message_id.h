// Message-ids (RFC 5322 section 3.6.4).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/field_fault.h"

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

enum class MessageIdMode {
  /// RFC 5322 with its obsolete forms: a local part, also quoted, "@" and a domain or a literal,
  /// with comments and blanks between them.
  strict,
  /// Also what else is in real mail: anything printable in "<>", "@" or not, and one word without.
  lenient,
};

/// Reads the body of Message-ID. Gives what is in the "<>", without comments and blanks.
tl::expected<std::string, FieldFault> parse_message_id(std::string_view body,
                                                       MessageIdMode mode = MessageIdMode::strict);

/// All ids of In-Reply-To or References in written order, each as parse_message_id() leniently
/// gives it; between them may stand words, quoted text and comments. What is no id is passed over.
std::vector<std::string> find_message_ids(std::string_view body);

}  // namespace porpoise::mail
