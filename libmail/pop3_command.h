// POP3 command lines (RFC 1939 section 3, RFC 2449 section 4): splitting octets into lines and
// lines into verb and argument.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace porpoise::mail {

/// Collects one command line from octets that come in pieces of any size.
///
/// A line ends in CRLF or, as qmail's did, in LF; a CR anywhere else is an octet of the line. A
/// line beyond the limit is skipped to its end and told as too long, so that the rest of it is
/// never taken for another command. Memory is bounded by the limit.
class Pop3LineReader {
 public:
  /// `max_octets` counts the line with its CRLF (RFC 2449 section 4: 255).
  explicit Pop3LineReader(std::size_t max_octets) : max_octets_(max_octets) {}
  Pop3LineReader(const Pop3LineReader&) = delete;
  Pop3LineReader& operator=(const Pop3LineReader&) = delete;
  ~Pop3LineReader() { clear(); }

  /// Takes octets from the front of `in`; returns how many. They are fewer than in.size() only
  /// where a line is complete: the rest belongs to the next one. Requires !complete().
  std::size_t feed(std::string_view in);

  bool complete() const { return complete_; }
  bool too_long() const { return too_long_; }      ///< then text() is empty
  std::string_view text() const { return line_; }  ///< without its end; valid until clear()

  /// Forgets the line, wiping it from memory (it may have held a password).
  void clear();

 private:
  std::size_t max_octets_;
  std::string line_;
  bool complete_ = false;
  bool too_long_ = false;
};

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
