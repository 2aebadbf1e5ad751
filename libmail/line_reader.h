// Command lines and other short lines of network sessions, out of octets that come in pieces of any
// size.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace porpoise::mail {

enum class LineEnd {
  /// CRLF only (RFC 5321 section 2.3.8). A CR or LF elsewhere belongs to the line, which has_bare()
  /// then tells: refuse it, since others may have read two lines.
  crlf,
  /// LF, and a CR just before it is no part of the line either: for POP3, as qmail's did. A CR
  /// elsewhere belongs to the line.
  crlf_or_lf,
};

/// Collects one line at a time. A line beyond the limit is skipped to its end and told as too long,
/// so that the rest of it is never taken for another command. Memory is bounded by the limit.
class LineReader {
 public:
  /// `max_octets` (at least 2) counts the line with its CRLF.
  explicit LineReader(std::size_t max_octets, LineEnd end = LineEnd::crlf)
      : max_octets_(max_octets), end_(end) {}
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader() { clear(); }

  /// Takes octets from the front of `in`; returns how many. They are fewer than in.size() only
  /// where a line is complete: the rest belongs to the next one. Requires !complete().
  std::size_t feed(std::string_view in);

  bool complete() const { return complete_; }
  bool too_long() const { return too_long_; }      ///< then text() is empty
  std::string_view text() const { return line_; }  ///< without its end; valid until clear()
  bool has_bare() const;                           ///< text() holds a CR or LF
  bool empty() const { return octets_ == 0; }      ///< nothing of a line was read yet

  /// Forgets the line, wiping it from memory (it may have held a password).
  void clear();

 private:
  void keep(std::string_view piece);
  void finish();

  std::size_t max_octets_;
  LineEnd end_;
  std::string line_;        // what fits
  std::size_t octets_ = 0;  // of the line so far, without its LF
  bool after_cr_ = false;   // the last octet was a CR
  bool complete_ = false;
  bool too_long_ = false;
};

}  // namespace porpoise::mail
