// SMTP replies (RFC 5321 section 4.2, RFC 2034): a reader for clients, a printer for servers.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/line_reader.h"
#include "libmail/status_code.h"

namespace porpoise::mail {

/// One reply, of one line or more.
struct SmtpReply {
  int code = 0;                        ///< three digits, as sent
  std::optional<StatusCode> status{};  ///< that its first line begins with
  /// The lines' texts, without code, with LF between; control octets are "?".
  std::string text{};

  bool positive() const { return code >= 200 && code < 300; }
  bool wants_more() const { return code >= 300 && code < 400; }
  bool transient() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
};

struct SmtpReplyLimits {
  std::size_t line_octets = 2048;   ///< of a line with its CRLF: RFC 5321 allows 512
  std::size_t lines = 500;          ///< of a reply
  std::size_t text_octets = 16384;  ///< that are kept; the rest is read and forgotten
};

/// Reads one reply after the other, in pieces of any size. A server that does not keep to the form
/// is a fault, since nobody knows any more which reply belongs to which command.
class SmtpReplyReader {
 public:
  enum class Fault : std::uint8_t {
    none,
    bad_line,       ///< no three digits, or neither blank, "-" nor the end after them
    codes_differ,   ///< among the lines of one reply
    bare_line_end,  ///< a CR or LF that is no CRLF
    too_long,       ///< a line beyond its limit
    too_many,       ///< lines
  };

  explicit SmtpReplyReader(SmtpReplyLimits limits = {})
      : limits_(limits), line_(limits.line_octets) {}

  /// Takes octets from the front of `in`, returns how many; fewer than in.size() only when a reply
  /// is complete or at a fault. Requires !complete() and no fault.
  std::size_t feed(std::string_view in);

  bool complete() const { return complete_; }
  Fault fault() const { return fault_; }
  std::string_view fault_text() const;  ///< for a person

  /// The reply; the reader is ready for the next one. Requires complete().
  SmtpReply take();

  /// Nothing of a next reply was read yet: where the connection ends, none is cut off.
  bool empty() const { return lines_ == 0 && line_.empty() && !complete_; }

 private:
  void take_line(std::string_view line);
  void fail(Fault fault) { fault_ = fault; }

  SmtpReplyLimits limits_;
  LineReader line_;
  SmtpReply reply_;
  std::size_t lines_ = 0;
  bool complete_ = false;
  Fault fault_ = Fault::none;
};

/// Reply lines as they are sent, each at most 512 octets with its CRLF (RFC 5321 section 4.5.3.1.5)
/// and beginning with the code - and the status, where there is one. `text` becomes a line at each
/// LF; one that is too long is broken, after a blank where that can be. Octets that are not
/// printable ASCII are "?", but with `utf8` well-formed UTF-8 stays.
/// Requires: `code` from 200 to 599; a status only with 2yz, 4yz and 5yz, and of their class.
std::string print_reply(int code, std::optional<StatusCode> status, std::string_view text,
                        bool utf8 = false);

inline constexpr std::size_t kMaxReplyLineOctets = 512;

}  // namespace porpoise::mail
