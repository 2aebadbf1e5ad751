// Numbers, times and sizes as people write them in options and control files: "300", "5d", "10M".

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::mail {

/// Decimal digits and nothing else: no sign, no blank. Nothing for any other text and for what is
/// beyond `most`.
std::optional<std::uint64_t> parse_digits(std::string_view text, std::uint64_t most = UINT64_MAX);

/// Digits with, where wanted, one unit after them: s m h d w; without one, seconds. Permanent error
/// for any other text and beyond `most`: `"5x" is no time: want digits and s, m, h, d or w`,
/// `"9w" is too long a time: at most 30d`.
Result<std::chrono::seconds> parse_time(std::string_view text,
                                        std::chrono::seconds most = std::chrono::seconds::max());

/// The same for sizes: K M G T, of 1024 each, capital or not; without one, octets.
Result<std::uint64_t> parse_size(std::string_view text, std::uint64_t most = UINT64_MAX);

/// With the greatest unit that leaves a whole number, so that parsing gives it back: "90s", "2h".
/// Requires time >= 0.
std::string print_time(std::chrono::seconds time);
std::string print_size(std::uint64_t octets);

}  // namespace porpoise::mail
