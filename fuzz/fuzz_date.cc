// Dates: any octets. Held to:
//   - a fault lies in the text and says so in one printable line;
//   - what is read is printed so that both modes read it back as the same;
//   - what is read strictly is read leniently, as the same;
//   - the calendar agrees with itself.

#include "fuzz/property.h"
#include "libmail/date.h"
#include "libmail/date_reader.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

tl::expected<Date, FieldFault> read(std::string_view body, DateMode mode) {
  const Cost cost(body.size());
  auto date = parse_date(body, mode);
  if (!date) require(date.error().at <= body.size() && is_line(date.error().text));
  return date;
}

void check(const Date& date) {
  const CivilTime t = CivilTime::of(date.seconds, date.offset_minutes.value_or(0));
  require(t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31);
  require(t.hour < 24 && t.minute < 60 && t.second < 60 && t.hour >= 0 && t.minute >= 0);
  const std::int64_t days = days_since_1970(t.year, t.month, t.day);
  require(days * 86400 + t.hour * 3600 + t.minute * 60 + t.second ==
          date.seconds + std::int64_t{date.offset_minutes.value_or(0)} * 60);
  require(weekday_of(days) == t.weekday);
  if (t.year > 9999) return;  // a leap second at the end of the last year
  const std::string print = print_date(date.seconds, date.offset_minutes);
  require(read(print, DateMode::strict) == date);
  require(read(print, DateMode::lenient) == date);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view body = view_of(data, size);
  const auto strict = read(body, DateMode::strict);
  const auto lenient = read(body, DateMode::lenient);
  if (strict) require(lenient == strict);
  if (lenient) check(*lenient);
  return 0;
}
