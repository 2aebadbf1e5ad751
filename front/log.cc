#include "front/log.h"

#include "libmail/date.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/program.h"
#include "queue/listing.h"

namespace porpoise::front {

namespace {

std::string time_of(std::int64_t wall_us) {
  const auto t = mail::CivilTime::of(wall_us / 1'000'000);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", t.year, t.month, t.day, t.hour,
                     t.minute, t.second, wall_us / 1000 % 1000);
}

}  // namespace

std::string log_line(std::int64_t wall_us, std::string_view text) {
  return fmt::format("{} porpoise: {}\n", time_of(wall_us), posix::printable(text));
}

std::string log_json(std::int64_t wall_us, std::string_view text) {
  return fmt::format("{{\"time\":\"{}\",\"event\":\"porpoise\",\"text\":{}}}\n", time_of(wall_us),
                     queue::json_string(text));
}

void Log::line(std::string_view text) const {
  (void)posix::write_all(
      fd_, json_ ? log_json(posix::wall_us(), text) : log_line(posix::wall_us(), text), "the log");
}

}  // namespace porpoise::front
