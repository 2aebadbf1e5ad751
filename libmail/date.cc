#include "libmail/date.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>

namespace porpoise::mail {
namespace {

constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kDaysIn400Years = 146097;
constexpr std::int64_t kMarch0 = 719468;  // days from 1 March of year 0 to 1 January 1970

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

}  // namespace

// Years begin in March here, so that the leap day is the last of its year: then the day of a
// month follows from the day of the year by (153 m + 2) / 5, the lengths 31 30 31 30 31 repeated.
CivilTime CivilTime::of(std::int64_t seconds, int offset_minutes) {
  const std::int64_t local = seconds + std::int64_t{offset_minutes} * 60;
  const std::int64_t days = floor_div(local, kDay);
  const std::int64_t second_of_day = local - days * kDay;

  const std::int64_t since_march_0 = days + kMarch0;
  const std::int64_t era = floor_div(since_march_0, kDaysIn400Years);
  const std::int64_t day_of_era = since_march_0 - era * kDaysIn400Years;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t march_month = (5 * day_of_year + 2) / 153;

  CivilTime t;
  t.day = static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1);
  t.month = static_cast<int>(march_month < 10 ? march_month + 3 : march_month - 9);
  t.year = era * 400 + year_of_era + (t.month <= 2 ? 1 : 0);
  t.hour = static_cast<int>(second_of_day / 3600);
  t.minute = static_cast<int>(second_of_day / 60 % 60);
  t.second = static_cast<int>(second_of_day % 60);
  t.weekday = weekday_of(days);
  return t;
}

// The same the other way round.
std::int64_t days_since_1970(std::int64_t year, int month, int day) {
  if (month <= 2) --year;
  const std::int64_t era = floor_div(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const int march_month = month > 2 ? month - 3 : month + 9;
  const std::int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kDaysIn400Years + day_of_era - kMarch0;
}

int weekday_of(std::int64_t days) {
  return static_cast<int>((days % 7 + 11) % 7);  // 1 January 1970 was a Thursday
}

std::string print_date(std::int64_t seconds, std::optional<int> offset_minutes) {
  constexpr int kMaxOffset = 99 * 60 + 59;
  const int offset = std::clamp(offset_minutes.value_or(0), -kMaxOffset, kMaxOffset);
  const CivilTime t = CivilTime::of(seconds, offset);
  const char sign = !offset_minutes || offset < 0 ? '-' : '+';
  return fmt::format("{} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}", t.day,
                     kMonths[static_cast<std::size_t>(t.month - 1)], t.year, t.hour, t.minute,
                     t.second, sign, std::abs(offset) / 60, std::abs(offset) % 60);
}

std::string compact_time(std::int64_t seconds) {
  const CivilTime t = CivilTime::of(seconds);
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", t.year, t.month, t.day, t.hour, t.minute,
                     t.second);
}

}  // namespace porpoise::mail
