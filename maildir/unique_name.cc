#include "maildir/unique_name.h"

#include <fmt/format.h>

namespace porpoise::maildir {
namespace {

bool is_safe(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != 127 && c != '/' && c != ':' && c != ',';
}

}  // namespace

std::string unique_name(const Stamp& stamp) {
  return fmt::format("{}.M{}P{}Q{}R{:016x}.{}", stamp.wall_us / 1'000'000,
                     stamp.wall_us % 1'000'000, stamp.pid, stamp.sequence, stamp.random,
                     safe_host(stamp.host));
}

std::string with_sizes(std::string_view name, std::uint64_t size,
                       std::optional<std::uint64_t> wire_size) {
  if (!wire_size) return fmt::format("{},S={}", name, size);
  return fmt::format("{},S={},W={}", name, size, *wire_size);
}

std::string safe_host(std::string_view host) {
  std::string safe;
  for (const char c : host) {
    const std::string piece =
        is_safe(c) ? std::string(1, c) : fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    if (safe.size() + piece.size() > kMaxHostOctets) break;
    safe += piece;
  }
  return safe;
}

}  // namespace porpoise::maildir
