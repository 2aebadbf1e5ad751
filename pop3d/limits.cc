#include "pop3d/limits.h"

#include <algorithm>

#include "libmail/quantity.h"

namespace porpoise::pop3d {

bool parse_idle(std::string_view text, Limits& limits) {
  constexpr std::chrono::seconds kLongest{86400};
  const auto time = mail::parse_time(text, kLongest);
  if (!time || *time == std::chrono::seconds(0)) return false;
  limits.idle = *time;
  return true;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace porpoise::pop3d
