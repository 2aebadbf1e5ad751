// The text of a message after DATA, as it comes over the wire: dots taken off, its end recognised
// (RFC 5321 section 4.5.2). WireText (wire_text.h) is the writer.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// Turns the wire form into the stored form (lines that end in LF) and finds the end, in pieces of
/// any size. Nothing but CRLF ends a line, and nothing but CRLF "." CRLF - or "." CRLF at the very
/// beginning - ends the text. A CR or LF outside a CRLF is bare: no line begins after it, no dot
/// there is taken off, it stays what it is, and first_bare() tells of it, since somebody else may
/// read a line end there: the text is to be refused once it has ended.
class DotReader {
 public:
  /// Takes octets from the front of `in`, returns how many, and appends what they stand for to
  /// `out` (at most in.size() + 1 octets). Fewer than in.size() only where the end was found: the
  /// rest are commands. Requires !done().
  std::size_t feed(std::string_view in, std::string& out);

  bool done() const { return state_ == State::done; }

  /// The size of the text as RFC 1870 section 5 counts it: a line end is two octets, dots that were
  /// put in and the end mark are none. The stored form has no more.
  std::uint64_t octets() const { return octets_; }

  struct Bare {
    char octet = 0;        ///< '\r' or '\n'
    std::uint64_t at = 0;  ///< octet of the wire form, from 0
  };
  const std::optional<Bare>& first_bare() const { return bare_; }

 private:
  enum class State : std::uint8_t {
    begin,   // of a line
    dot,     // a line began with a dot, not given out yet
    dot_cr,  // and a CR followed
    text,    // within a line
    cr,      // a CR, not given out yet
    done,
  };

  char* text(const char*& from, const char* end, const char* wire, char* out);
  void bare(char octet, std::uint64_t at);

  State state_ = State::begin;
  std::uint64_t wire_ = 0;  // octets taken by calls before this one
  std::uint64_t octets_ = 0;
  std::optional<Bare> bare_;
};

}  // namespace porpoise::mail
