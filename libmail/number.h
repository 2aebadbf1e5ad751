// Numbers of our own formats: all of a text, or nothing. Pure.

#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace porpoise {

/// The whole of `text`, in that base, without prefix or plus sign; a minus sign where Number has
/// one. False, and `number` as it was, for anything else, for "" and for what Number cannot hold.
template <class Number>
bool parse_number(std::string_view text, Number& number, int base = 10) {
  Number value{};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value, base);
  if (error != std::errc() || stop != end) return false;
  number = value;
  return true;
}

template <class Number>
std::optional<Number> number_in(std::string_view text, int base = 10) {
  Number number{};
  return parse_number(text, number, base) ? std::optional(number) : std::nullopt;
}

}  // namespace porpoise
