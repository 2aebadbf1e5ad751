// Content-Type, Content-Disposition and Content-Transfer-Encoding (RFC 2045 section 5.1, RFC 2183),
// with parameters in other character sets and in several sections (RFC 2231).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/field_fault.h"

namespace porpoise::mail {

struct ContentParameter {
  std::string name;   ///< lower case, without the "*" of RFC 2231
  std::string value;  ///< UTF-8: unquoted, put together, decoded

  bool operator==(const ContentParameter&) const = default;
};

struct Content {
  std::string value;                         ///< lower case: "text/plain", "attachment", "base64"
  std::vector<ContentParameter> parameters;  ///< as first written, each name once
  /// Something was left out or forgiven: a parameter that is none or comes again, an unquoted value
  /// with blanks or specials in it, an unclosed quote, ";" too many, a section missing, a set that
  /// is unknown, an octet that means nothing, an encoded word (RFC 2047) where none may be.
  bool repaired = false;

  /// nullptr: there is none. `name` is in lower case.
  const std::string* parameter(std::string_view name) const;

  bool operator==(const Content&) const = default;
};

/// More parameters, or sections of them, are left out.
inline constexpr std::size_t kMaxParameters = 256;

/// Reads the body of Content-Type. A fault: there is no "type/subtype" (RFC 2045 section 5.2: then
/// it is text/plain).
tl::expected<Content, FieldFault> parse_content_type(std::string_view body);

/// The same for the fields that have one word instead.
tl::expected<Content, FieldFault> parse_content_token(std::string_view body);

/// The body of such a field, unfolded; blanks stand only before parameters. What needs RFC 2231 is
/// written in sections of about 70 octets, all else as a word or a quoted string. Parsing gives
/// the same parameters, if their names are words and their values UTF-8.
std::string print_content(const Content& content);

}  // namespace porpoise::mail
