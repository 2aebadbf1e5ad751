// The parts of a message (RFC 2045, 2046): what is in a multipart, what is in a message that is
// passed on, and what is in those.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/content.h"

namespace porpoise::mail {

/// Parts in parts: those that lie deeper are not taken apart.
inline constexpr std::size_t kMaxMimeDepth = 16;

/// One part; the views are of the message.
struct MimePart {
  enum class Kind {
    leaf,
    multipart,  ///< its parts follow, one deeper
    message,    ///< the message in it follows, one deeper
  };
  Kind kind = Kind::leaf;
  std::size_t depth = 0;    ///< 0 is the message itself
  std::string_view header;  ///< its fields, line ends included
  std::string_view body;    ///< without the line end before a delimiter, which belongs to that
  Content type;             ///< text/plain where the header does not say, or not well
  std::string encoding;     ///< of the body, in lower case; "7bit" where the header does not say
  bool too_deep = false;    ///< it has parts, below kMaxMimeDepth: kind is leaf
};

/// Gives the parts of a message in memory in written order, each before what is in it. Delimiters
/// are lines; one of an outer multipart ends all inner parts. A multipart that has no boundary, or
/// of which no delimiter is found, has no parts. Looks at each octet as often as it is deep.
///
///     MimeWalker walker(message);
///     for (MimePart part; walker.next(part);) ...
class MimeWalker {
 public:
  explicit MimeWalker(std::string_view message) : message_(message) {}

  bool next(MimePart& part);

 private:
  // A part that holds others, of which some were given.
  struct Open {
    std::string_view rest;  // from where the next part begins
    std::string boundary;   // "" of a message
    bool digest = false;
    bool done = false;  // all were given
  };

  void give(std::string_view text, bool in_digest, MimePart& part);
  void open(MimePart& part);
  bool open_multipart(const MimePart& part);
  bool open_message(const MimePart& part);

  std::string_view message_;
  bool begun_ = false;
  std::vector<Open> open_;
};

}  // namespace porpoise::mail
