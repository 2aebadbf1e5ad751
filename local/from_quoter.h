// The text of a message as an mbox holds it: no line of it can be taken for the beginning of
// another message. Pure.

#pragma once

#include <string>
#include <string_view>

namespace porpoise::local {

/// Puts ">" before every line, header lines too, that is zero or more ">" and then "From "; ends
/// an unfinished last line; adds the empty line that ends the message. Reversible ("mboxrd").
class FromQuoter {
 public:
  /// The next piece of the message, of any size; `out` gets the quoted text, appended.
  void feed(std::string_view piece, std::string& out);

  /// After the last piece.
  void finish(std::string& out);

 private:
  // In a line's beginning: after any ">", with held_ octets of "From " seen and not yet given out.
  bool beginning_ = true;
  std::size_t held_ = 0;
  bool open_line_ = false;  // the last octet was no LF
};

}  // namespace porpoise::local
