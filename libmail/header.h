// Where a header ends, and what its fields are (RFC 5322 section 2.2; reference 1.1 and 1.2).

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"

namespace porpoise::mail {

/// The fields that some program of ours treats in its own way.
enum class FieldName {
  other,
  to,
  cc,
  bcc,
  apparently_to,
  resent_to,
  resent_cc,
  resent_bcc,
  sender,
  from,
  reply_to,
  return_receipt_to,
  errors_to,
  resent_sender,
  resent_from,
  resent_reply_to,
  return_path,
  content_length,
  date,
  message_id,
  resent_date,
  resent_message_id,
  mail_followup_to,
  mail_reply_to,
  subject,
  received,
  delivered_to,
  content_type,
  content_transfer_encoding,
  notice_requested_upon_delivery_to,
};

/// Which one this name is, without regard to ASCII case.
FieldName field_name(std::string_view name);

/// One field as written. The views last as long as the header they came from.
struct FieldView {
  FieldName known = FieldName::other;
  std::string_view text;  ///< all of it, folds included, with its LF
  std::string_view name;  ///< without blanks before the colon
  std::string_view body;  ///< after the colon, with its LF
};

/// A header in memory: lines end in LF, whatever they ended in when they were read.
class Header {
 public:
  enum class End {
    input,        ///< the input was over: there is no body
    empty_line,   ///< the body follows
    not_a_field,  ///< a line that is no field: it is the body's first, an empty line is missing
  };

  std::size_t size() const { return fields_.size(); }
  FieldView field(std::size_t index) const;

  End end() const { return end_; }
  /// With End::not_a_field: what was read of the body's first line, as it came.
  std::string_view body_begin() const { return body_begin_; }
  /// Whether the message's first line ended in CR LF: then its body's lines do too. Unknown where
  /// there was no whole line.
  std::optional<bool> crlf() const { return crlf_; }

 private:
  friend class HeaderReader;
  struct Extent {
    std::size_t begin = 0;
    std::size_t size = 0;
    std::size_t name_size = 0;
    std::size_t body = 0;  // offset in the field
    FieldName known = FieldName::other;
  };
  std::string text_;
  std::vector<Extent> fields_;
  std::string body_begin_;
  std::optional<bool> crlf_;
  End end_ = End::input;
};

struct HeaderLimits {
  std::size_t octets = 8 << 20;   ///< of the whole header
  std::size_t fields = 100'000;   ///< in number
  std::size_t name_octets = 998;  ///< of one field's name; a longer one is no field
};

/// Reads a header from pieces of any size, and not an octet further than it must.
///
///     HeaderReader reader;
///     while (!reader.done() && more) input.remove_prefix(reader.feed(input));
///     Result<Header> header = std::move(reader).finish();
///
/// A line of LF or CR LF ends it. A line that begins with a blank continues the field above. A
/// line "From " without a colon (an mbox separator) becomes the field MBOX-Line. Any other line
/// that is no field begins the body: name, optional blanks and colon, the name octets 33 to 126.
class HeaderReader {
 public:
  explicit HeaderReader(HeaderLimits limits = {}) : limits_(limits) {}

  /// Takes octets from the front of `in`; returns how many. They are fewer than in.size() only
  /// when done(): the rest belongs to the body, after Header::body_begin().
  std::size_t feed(std::string_view in);

  /// True once the end of the header was read, or a limit was passed.
  bool done() const { return line_ == Line::over; }

  /// The header; call it when done() or when the input is over (a last line without LF gets one).
  /// Permanent error: a limit was passed; the text names it.
  Result<Header> finish() &&;

 private:
  // What is known of the line being read.
  enum class Line {
    begin,   // nothing yet
    cr,      // it began with CR
    name,    // in what may be a field's name
    blanks,  // in blanks after it
    field,   // it is a field, or continues one
    over,    // there is no such line any more
  };

  bool take_name(std::string_view in);
  void classify(char c);
  void begin_field();
  void make_mbox_line();
  void end_line();
  void end_at(Header::End end);
  void fail(std::string text);

  HeaderLimits limits_;
  Header header_;
  Line line_ = Line::begin;
  std::size_t line_begin_ = 0;
  std::size_t name_size_ = 0;
  std::string fault_;
};

}  // namespace porpoise::mail
