#include "front/log.h"

#include "libmail/date.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/program.h"

namespace porpoise::front {

std::string log_line(std::int64_t wall_us, std::string_view text) {
  const auto t = mail::CivilTime::of(wall_us / 1'000'000);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z porpoise: {}\n", t.year, t.month,
                     t.day, t.hour, t.minute, t.second, wall_us / 1000 % 1000,
                     posix::printable(text));
}

void Log::line(std::string_view text) const {
  (void)posix::write_all(fd_, log_line(posix::wall_us(), text), "the log");
}

}  // namespace porpoise::front
