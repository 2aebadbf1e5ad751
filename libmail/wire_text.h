// A stored message as a network session sends it: every line ended by CRLF, and, where asked, a
// leading dot doubled (RFC 1939 section 3, RFC 5321 section 4.5.2).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// Counts and makes the wire form of a text that comes in pieces of any size.
///
/// A bare LF becomes CRLF; a CRLF stays; a CR elsewhere, a NUL and every other octet are passed on.
/// A last line without its LF is completed. Nothing else is added: no blank line at the end.
class WireText {
 public:
  /// Counts `in`. The same octets always give the same count, however they are split.
  void count(std::string_view in);

  /// Counts `in` and appends its wire form, dot-stuffed, to `out`.
  void encode(std::string_view in, std::string& out);

  /// Counts the CRLF that completes an unfinished last line; encode() would add it to `out`.
  void finish(std::string* out = nullptr);

  /// Octets so far as sent, before dot-stuffing: what LIST and ",W=" tell (RFC 1939 section 11).
  std::uint64_t octets() const { return octets_; }

 private:
  std::uint64_t octets_ = 0;
  char last_ = '\n';
};

/// Where TOP ends: the header, the blank line, and `lines` lines of the body.
class TopLimit {
 public:
  explicit TopLimit(std::uint64_t lines) : lines_(lines) {}

  /// How many octets of `in`, the next piece of the stored message, still belong; fewer than
  /// in.size() only when the end was found.
  std::size_t take(std::string_view in);
  bool reached() const { return reached_; }

 private:
  std::uint64_t lines_;
  bool in_body_ = false;
  bool line_is_empty_ = true;  // but for a CR, so far
  bool reached_ = false;
};

}  // namespace porpoise::mail
