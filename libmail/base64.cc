#include "libmail/base64.h"

#include <cstdint>

#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr unsigned kNone = 64;

constexpr unsigned value_of(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0') + 52;
  return c == '+' ? 62 : c == '/' ? 63 : kNone;
}

}  // namespace

void append_base64(std::string& out, std::string_view octets) {
  for (; !octets.empty(); octets.remove_prefix(octets.size() < 3 ? octets.size() : 3)) {
    count_steps();
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < octets.size() ? static_cast<unsigned char>(octets[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= octets.size() ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
    }
  }
}

bool append_unbase64(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  if (text.ends_with('=')) {
    if (text.size() % 4 != 0) return false;
    text.remove_suffix(text.ends_with("==") ? 2 : 1);
  }
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    count_steps();
    const unsigned value = value_of(c);
    if (value == kNone) {
      out.resize(before);
      return false;
    }
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 255);
    }
  }
  if (text.size() % 4 != 1) return true;
  out.resize(before);
  return false;
}

}  // namespace porpoise::mail
