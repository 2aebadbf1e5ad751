// Splitting a header that is in memory: nothing is copied, and each octet is looked at about once.

#pragma once

#include <cstddef>
#include <string_view>

#include "libmail/header.h"

namespace porpoise::mail {

/// One field as it stands in the text; the views are of it.
struct FieldSlice {
  std::string_view text;  ///< all of it, folds and line ends included
  std::string_view name;  ///< without blanks before the colon
  std::string_view body;  ///< after the colon

  FieldName known() const { return field_name(name); }
};

/// Gives the fields of a message in order; agrees with HeaderReader about what is one, but keeps
/// line ends as they are, adds none, and gives a "From " line whole as the body of MBOX-Line.
///
///     FieldSplitter splitter(message);
///     for (FieldSlice field; splitter.next(field);) ...
class FieldSplitter {
 public:
  explicit FieldSplitter(std::string_view message,
                         std::size_t name_octets = HeaderLimits{}.name_octets)
      : begin_(message.data()),
        at_(message.data()),
        end_(message.data() + message.size()),
        name_octets_(name_octets) {}

  /// False: the header is over; `field` is left as it was.
  bool next(FieldSlice& field);

  // What follows is known when next() said false.

  /// What ended the header.
  Header::End end() const { return over_; }
  /// The octets of all fields.
  std::size_t header_size() const { return static_cast<std::size_t>(at_ - begin_); }
  /// What is after the empty line, if there is one.
  std::string_view body() const { return {body_, static_cast<std::size_t>(end_ - body_)}; }

 private:
  bool finish(Header::End over, const char* body);
  bool take_odd_line(const char* name_end, FieldSlice& field);
  bool take_field(const char* name_end, const char* colon, FieldSlice& field);
  bool take_mbox_line(FieldSlice& field);
  const char* field_end(const char* from) const;

  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t name_octets_;
  const char* body_ = nullptr;
  Header::End over_ = Header::End::input;
};

}  // namespace porpoise::mail
