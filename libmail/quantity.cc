#include "libmail/quantity.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

struct Unit {
  char letter;
  std::uint64_t factor;
};

// From the smallest.
constexpr Unit kTimes[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
constexpr Unit kSizes[] = {{'k', std::uint64_t{1} << 10},
                           {'m', std::uint64_t{1} << 20},
                           {'g', std::uint64_t{1} << 30},
                           {'t', std::uint64_t{1} << 40}};

constexpr std::size_t kShown = 40;  // octets of a bad text in an error

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string shown(std::string_view text) {
  std::string line(text.substr(0, kShown));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  return line + (text.size() > kShown ? "..." : "");
}

enum class Outcome { good, no_quantity, too_great };

Outcome parse(std::string_view text, std::span<const Unit> units, std::uint64_t most,
              std::uint64_t& value) {
  std::uint64_t factor = 1;
  std::string_view digits = text;
  if (!text.empty() && !is_digit(text.back())) {
    const auto unit = std::ranges::find(units, lower(text.back()), &Unit::letter);
    if (unit == units.end()) return Outcome::no_quantity;
    factor = unit->factor;
    digits.remove_suffix(1);
  }
  count_steps(text.size());
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return Outcome::no_quantity;
  const auto number = parse_digits(digits);
  if (!number || *number > most / factor) return Outcome::too_great;
  value = *number * factor;
  return Outcome::good;
}

std::string print(std::uint64_t value, std::span<const Unit> units) {
  std::string text = fmt::format("{}", value);
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) {
      text = fmt::format("{}{}", value / unit.factor, unit.letter);
    }
  }
  return text;
}

}  // namespace

std::optional<std::uint64_t> parse_digits(std::string_view text, std::uint64_t most) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    count_steps();
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (UINT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value <= most ? std::optional(value) : std::nullopt;
}

Result<std::chrono::seconds> parse_time(std::string_view text, std::chrono::seconds most) {
  std::uint64_t value = 0;
  switch (parse(text, kTimes, static_cast<std::uint64_t>(most.count()), value)) {
    case Outcome::good:
      return std::chrono::seconds(value);
    case Outcome::no_quantity:
      return permanent("\"{}\" is no time: want digits and s, m, h, d or w", shown(text));
    case Outcome::too_great:
      break;
  }
  return permanent("\"{}\" is too long a time: at most {}", shown(text), print_time(most));
}

Result<std::uint64_t> parse_size(std::string_view text, std::uint64_t most) {
  std::uint64_t value = 0;
  switch (parse(text, kSizes, most, value)) {
    case Outcome::good:
      return value;
    case Outcome::no_quantity:
      return permanent("\"{}\" is no size: want digits and K, M, G or T", shown(text));
    case Outcome::too_great:
      break;
  }
  return permanent("\"{}\" is too great a size: at most {}", shown(text), print_size(most));
}

std::string print_time(std::chrono::seconds time) {
  const std::string text = print(static_cast<std::uint64_t>(time.count()), kTimes);
  return text == "0" ? "0s" : text;
}

std::string print_size(std::uint64_t octets) {
  std::string text = print(octets, kSizes);
  if (!is_digit(text.back())) text.back() = static_cast<char>(text.back() - 32);
  return text;
}

}  // namespace porpoise::mail
