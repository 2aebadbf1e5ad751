// Finding the end of a field's name, eight octets at a time.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace porpoise::mail {

/// What may be in a field's name (RFC 5322 section 2.2).
constexpr bool is_name_octet(char c) {
  return c >= 33 && c <= 126 && c != ':';
}

/// The first octet from `begin` to `end` that is_name_octet() is not for, or `end`.
inline const char* name_run_end(const char* begin, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x80 * kOnes;
  while (std::endian::native == std::endian::little && end - begin >= 8) {
    std::uint64_t octets = 0;
    std::memcpy(&octets, begin, sizeof octets);
    // The lowest mark is right; a borrow or carry can only set wrong ones above it.
    const std::uint64_t colons = octets ^ ':' * kOnes;
    const std::uint64_t marks =
        ((octets - 33 * kOnes) | octets | (octets + kOnes) | ((colons - kOnes) & ~colons)) & kHigh;
    if (marks != 0) return begin + std::countr_zero(marks) / 8;
    begin += 8;
  }
  while (begin != end && is_name_octet(*begin)) ++begin;
  return begin;
}

}  // namespace porpoise::mail
