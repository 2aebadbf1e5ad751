// What fuzz targets state: require() ends the program where a property does not hold.

#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

#include "libmail/steps.h"

namespace porpoise::fuzz {

inline void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u does not hold\n", where.file_name(), where.line());
  std::abort();
}

/// What the parsers did so far; always 0 where steps are not counted.
inline std::uint64_t steps_so_far() {
#ifdef PORPOISE_COUNT_STEPS
  return mail::steps;
#else
  return 0;
#endif
}

/// Requires that what runs while it lives costs at most `each` steps an octet of `size`.
class Cost {
 public:
  explicit Cost(std::size_t size, std::uint64_t each = 10,
                std::source_location where = std::source_location::current())
      : limit_(steps_so_far() + each * (size + 10)), where_(where) {}
  ~Cost() { require(steps_so_far() <= limit_, where_); }
  Cost(const Cost&) = delete;
  Cost& operator=(const Cost&) = delete;

 private:
  std::uint64_t limit_;
  std::source_location where_;
};

/// Printable and on one line, as the text of an error must be.
inline bool is_line(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) return false;
  }
  return !text.empty();
}

inline std::string_view view_of(const unsigned char* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace porpoise::fuzz
