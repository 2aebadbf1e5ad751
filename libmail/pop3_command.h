// POP3 command lines (RFC 1939 section 3, RFC 2449 section 4): verb and argument. LineReader
// (line_reader.h) makes the lines.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace porpoise::mail {

enum class Pop3Verb {
  unknown,
  user,
  pass,
  apop,
  capa,
  quit,
  noop,
  stat,
  list,
  uidl,
  retr,
  top,
  dele,
  rset,
  last,
};

/// A line as verb and argument. The verb is recognised without regard to case. The argument is what
/// follows the one space after the verb, octet for octet: for PASS every further space belongs to
/// the password (RFC 1939 section 7).
struct Pop3Command {
  Pop3Verb verb = Pop3Verb::unknown;
  std::string_view argument;  ///< borrows from the line
};
Pop3Command parse_pop3_command(std::string_view line);

/// The words of an argument, split at spaces; leading, doubled and trailing spaces make no word.
/// At most `max_words` + 1 are returned, which is enough to tell that there are too many.
std::vector<std::string_view> pop3_words(std::string_view argument, std::size_t max_words);

/// Digits only, without a sign and without leading zeros. Beyond 2^64-1 it is 2^64-1, so that a
/// number too large never means a small one. Nothing for any other text.
std::optional<std::uint64_t> pop3_number(std::string_view word);

/// True for text that may be a login name: 1 to 128 octets of well-formed UTF-8 (RFC 6856 section
/// 2.2) without control characters.
bool is_pop3_name(std::string_view name);
inline constexpr std::size_t kMaxPop3NameOctets = 128;

}  // namespace porpoise::mail
