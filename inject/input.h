// The message as it comes in: ended by a dot for sendmail, its lines made to end in LF.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inject/failure.h"
#include "inject/kept_copy.h"

namespace porpoise::inject {

/// Finds the line of a single dot (LF or CR LF after it, or the end of the input) that ends a
/// message which sendmail reads without -i. Nothing else about dots is special: "..a" is "..a".
class DotEnd {
 public:
  /// Appends what of `in` belongs to the message to `out`. True once the line was found; then
  /// nothing more is wanted. A dot that may still begin that line is held back: what is held when
  /// the input ends is such a line.
  bool feed(std::string_view in, std::string& out);

 private:
  enum class At { line_begin, dot, dot_cr, inside };
  At at_ = At::line_begin;
  bool found_ = false;
};

/// Makes the lines of a body end in LF, and the last one whole: every CR LF becomes LF, also where
/// others end in LF alone, since no mail can carry the difference. A CR that ends no line is an
/// octet like others.
class LineEnds {
 public:
  /// The next piece, made ready. The view is of `in` or of this, until the next call.
  std::string_view feed(std::string_view in);

  /// An LF if the last line lacks one. Nothing for a body of nothing.
  std::string_view finish();

 private:
  std::string room_;
  bool held_cr_ = false;
  char last_ = '\n';
};

/// Pieces of a message from a descriptor (lent).
class Input {
 public:
  Input(int fd, bool dot_ends);

  /// The next piece; empty at the end of the message. The view lasts until the next call.
  /// Failures: no_input (not a thing that can be read), input (it failed later).
  Outcome<std::string_view> next();

  /// The message begins with `text`; what is read comes after it.
  void begin_with(std::string text) { before_ = std::move(text); }

  /// From now on every piece also goes to `copy` (lent), as it came.
  void copy_to(KeptCopy* copy) { copy_ = copy; }

 private:
  Outcome<std::string_view> read();

  int fd_;
  bool dot_ends_;
  bool ended_ = false;
  bool begun_ = false;
  KeptCopy* copy_ = nullptr;
  std::string before_;
  DotEnd dot_;
  std::vector<char> room_;
  std::string text_;
};

}  // namespace porpoise::inject
