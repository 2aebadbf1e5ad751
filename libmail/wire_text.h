// A stored message as a network session sends it: every line ended by CRLF, and, where asked, a
// leading dot doubled (RFC 1939 section 3, RFC 5321 section 4.5.2). DotReader (dot_stuffing.h) is
// the reader.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// What becomes of a CR that no LF follows.
enum class BareCr : std::uint8_t {
  kept,     ///< passed on: for POP3, whose client knows that only CRLF ends a line
  to_crlf,  ///< it ends a line: for SMTP, where nobody knows what the next host takes for a line
            ///< end. No CR and no LF goes out but as a CRLF, so no text ends anything but itself
};

/// Counts and makes the wire form of a text that comes in pieces of any size.
///
/// A bare LF becomes CRLF; a CRLF stays; a NUL and every other octet are passed on. A last line
/// without its end is completed. Nothing else is added: no blank line at the end.
class WireText {
 public:
  explicit WireText(BareCr bare_cr = BareCr::kept) : to_crlf_(bare_cr == BareCr::to_crlf) {}

  /// Counts `in`. The same octets always give the same count, however they are split.
  void count(std::string_view in);

  /// Counts `in` and appends its wire form, dot-stuffed, to `out`.
  void encode(std::string_view in, std::string& out);

  /// Counts the line end that completes an unfinished last line; encode() would add it to `out`.
  void finish(std::string* out = nullptr);

  /// Octets so far as sent, before dot-stuffing: what LIST and ",W=" tell (RFC 1939 section 11) and
  /// SIZE (RFC 1870 section 5).
  std::uint64_t octets() const { return octets_; }

 private:
  bool at_line_begin() const { return last_ == '\n' || (last_ == '\r' && to_crlf_); }

  std::uint64_t octets_ = 0;
  char last_ = '\n';
  bool to_crlf_;
};

/// The line that ends a text (RFC 5321 section 4.1.1.4, RFC 1939 section 3).
inline constexpr std::string_view kEndOfText = ".\r\n";

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
