#include "libmail/status_code.h"

#include <algorithm>
#include <fmt/format.h>

namespace porpoise::mail {
namespace {

// A number off the front: 1 to 3 digits, no leading zero.
std::optional<std::uint16_t> take_number(std::string_view& text) {
  std::size_t digits = 0;
  std::uint16_t value = 0;
  while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
    value = static_cast<std::uint16_t>(value * 10 + (text[digits] - '0'));
    ++digits;
  }
  if (digits == 0 || (digits > 1 && text.front() == '0')) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// A code off the front, whatever follows.
std::optional<StatusCode> take_code(std::string_view& text) {
  StatusCode code;
  if (text.empty() || (text[0] != '2' && text[0] != '4' && text[0] != '5')) return std::nullopt;
  code.klass = static_cast<std::uint16_t>(text[0] - '0');
  text.remove_prefix(1);
  if (!take(text, '.')) return std::nullopt;
  const auto subject = take_number(text);
  if (!subject || !take(text, '.')) return std::nullopt;
  const auto detail = take_number(text);
  if (!detail) return std::nullopt;
  code.subject = *subject;
  code.detail = *detail;
  return code;
}

}  // namespace

std::string StatusCode::text() const {
  return fmt::format("{}.{}.{}", klass, subject, detail);
}

std::optional<StatusCode> StatusCode::parse(std::string_view text) {
  const auto code = take_code(text);
  return text.empty() ? code : std::nullopt;
}

std::optional<LeadingStatus> leading_status(std::string_view text) {
  const auto code = take_code(text);
  if (!code || (!text.empty() && text.front() != ' ')) return std::nullopt;
  text.remove_prefix(std::min<std::size_t>(text.size(), 1));
  return LeadingStatus{*code, text};
}

}  // namespace porpoise::mail
