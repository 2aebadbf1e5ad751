// Enhanced status codes (RFC 3463 section 2): class.subject.detail, as "5.1.1".

#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace porpoise::mail {

struct StatusCode {
  std::uint16_t klass = 5;  ///< 2 success, 4 persistent transient failure, 5 permanent failure
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  auto operator<=>(const StatusCode&) const = default;
  std::string text() const;

  /// The whole of `text`: class 2, 4 or 5, then numbers of 1 to 3 digits without leading zeros.
  /// Nothing for any other text.
  static std::optional<StatusCode> parse(std::string_view text);
};

/// The code that a reply's text begins with (RFC 2034 section 4), and what follows it and its
/// blank. Nothing where a blank or the end does not follow the code.
struct LeadingStatus {
  StatusCode code;
  std::string_view rest;
};
std::optional<LeadingStatus> leading_status(std::string_view text);

}  // namespace porpoise::mail
