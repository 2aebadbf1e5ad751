#include "local/progress.h"

#include <charconv>
#include <fmt/format.h>

namespace porpoise::local {
namespace {

constexpr std::size_t kMaxIdOctets = 40;

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

template <class Number>
bool take_number(std::string_view& text, Number& number, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc() && number >= 0;
}

// An id is letters, digits and dashes; what else a queue may print cannot make a second word.
std::string safe_id(std::string_view id) {
  std::string safe;
  for (const char c : id.substr(0, kMaxIdOctets)) safe += c > ' ' && c < 127 ? c : '?';
  return safe;
}

}  // namespace

// FNV-1a, 64 bits: against accidents, not against the user who wrote the file.
std::uint64_t checksum(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325u;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return sum;
}

std::string encode(const Progress& p) {
  std::string note = fmt::format("dot={:016x} done={}", p.dot_file, p.done);
  if (p.stopped) note += " stop";
  if (!p.sent.empty()) note += " sent=" + safe_id(p.sent);
  return note;
}

std::optional<Progress> decode(std::string_view note) {
  Progress p;
  std::string_view rest = note;
  if (!take(rest, "dot=") || !take_number(rest, p.dot_file, 16) || !take(rest, " done=") ||
      !take_number(rest, p.done, 10)) {
    return std::nullopt;
  }
  p.stopped = take(rest, " stop");
  if (take(rest, " sent=")) p.sent = rest;
  if (encode(p) != note) return std::nullopt;
  return p;
}

}  // namespace porpoise::local
