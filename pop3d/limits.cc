#include "pop3d/limits.h"

#include <algorithm>

#include "libmail/pop3_command.h"

namespace porpoise::pop3d {

bool parse_idle(std::string_view text, Limits& limits) {
  constexpr std::uint64_t kMostSeconds = 86400;
  const auto seconds = mail::pop3_number(text);
  if (!seconds || *seconds == 0 || *seconds > kMostSeconds) return false;
  limits.idle = std::chrono::seconds(*seconds);
  return true;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace porpoise::pop3d
