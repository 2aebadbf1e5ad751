// Dates as headers have them (RFC 5322 sections 3.3 and 4.3; RFC 1123 section 5.2.14).

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "libmail/field_fault.h"

namespace porpoise::mail {

/// A moment, and where its writer was. print_date() takes both as they are.
struct Date {
  std::int64_t seconds = 0;  ///< since 1970, UTC; second 60 is the 0 after it
  /// Minutes east of UTC; nothing where the writer did not say ("-0000", a military letter, a name
  /// that nobody knows), and then the time is taken as UTC.
  std::optional<int> offset_minutes;

  bool operator==(const Date&) const = default;
};

enum class DateMode {
  /// RFC 5322 with all its obsolete forms: comments and folds everywhere, years of two and three
  /// digits, the zones by name; the day of the week, if there is one, must be the right one.
  strict,
  /// Also what else is in real mail: any day of the week; long names of months and days; "-" or "."
  /// between the parts of a date; "Nov 21" and the year at the end (ctime); "9:55", "0955", "9.55",
  /// fractions of a second; no zone, "+01:00", "GMT+0100"; anything after the zone.
  lenient,
};

/// Reads a field body. A number that is out of range, also for its month, is a fault in both modes;
/// years are 1900 to 9999.
tl::expected<Date, FieldFault> parse_date(std::string_view body, DateMode mode = DateMode::strict);

}  // namespace porpoise::mail
