#include "libmail/message_id.h"

#include <fmt/format.h>

#include "libmail/date.h"

namespace porpoise::mail {
namespace {

// 13 digits of 5 bits hold 64.
std::string base32(std::uint64_t bits) {
  std::string text(13, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, bits >>= 5) {
    *digit = "0123456789abcdefghjkmnpqrstvwxyz"[bits & 31];
  }
  return text;
}

}  // namespace

std::string make_message_id(const MessageIdSource& source, std::string_view host) {
  constexpr std::int64_t kSecond = 1'000'000;
  std::int64_t us = source.wall_us % kSecond;
  if (us < 0) us += kSecond;
  return fmt::format("<{}.{:06}.{}.{}@{}>", compact_time((source.wall_us - us) / kSecond), us,
                     source.pid, base32(source.random), host);
}

}  // namespace porpoise::mail
