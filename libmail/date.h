// Dates in headers (RFC 5322 section 3.3). No clock in here: the time is an argument.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace porpoise::mail {

/// A moment as the Gregorian calendar writes it, for any offset from UTC.
struct CivilTime {
  std::int64_t year = 1970;
  int month = 1;    ///< 1..12
  int day = 1;      ///< 1..31
  int hour = 0;     ///< 0..23
  int minute = 0;   ///< 0..59
  int second = 0;   ///< 0..59: leap seconds do not exist on this clock
  int weekday = 4;  ///< 0 is Sunday

  /// `seconds` since 1970 in UTC, also before; `offset_minutes` east of it.
  static CivilTime of(std::int64_t seconds, int offset_minutes = 0);
};

/// Days from 1 January 1970 to a date of the Gregorian calendar, which has to be one.
std::int64_t days_since_1970(std::int64_t year, int month, int day);

/// 0 is Sunday.
int weekday_of(std::int64_t days_since_1970);

/// "21 Nov 2026 09:49:54 +0530", the day without a leading zero, no weekday. Without an offset the
/// time is UTC and the zone "-0000": UTC, and nothing is said about where the writer lives.
/// Four-digit years (0 to 9999) are the caller's to see to; offsets beyond +-99:59 are cut to it.
std::string print_date(std::int64_t seconds, std::optional<int> offset_minutes = std::nullopt);

/// "20261121094954": UTC, sorts by time. For message-ids.
std::string compact_time(std::int64_t seconds);

}  // namespace porpoise::mail
