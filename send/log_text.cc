#include "send/log_text.h"

#include <fmt/format.h>
#include <time.h>

namespace porpoise::send {

std::string log_safe(std::string_view text) {
  std::string safe(text);
  for (char& c : safe) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\n') {
      c = '/';
    } else if (octet <= 32 || octet >= 127 || c == '%') {
      c = '_';
    }
  }
  return safe;
}

std::string timestamp(std::int64_t wall_us) {
  const time_t seconds = wall_us / 1'000'000;
  struct tm utc{};
  (void)::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     wall_us / 1000 % 1000);
}

}  // namespace porpoise::send
