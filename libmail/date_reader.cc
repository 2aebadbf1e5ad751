#include "libmail/date_reader.h"

#include <array>

#include "libmail/cfws.h"
#include "libmail/cursor.h"
#include "libmail/date.h"

namespace porpoise::mail {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
constexpr std::int64_t kFirstYear = 1900;
constexpr std::int64_t kLastYear = 9999;
constexpr std::size_t kLongestName = 9;  // September, Wednesday

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Letters, without regard to case.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if ((a[i] | 0x20) != (b[i] | 0x20)) return false;
  }
  return true;
}

// The place in `names` of a name of three letters; -1: none of them.
template <std::size_t N>
int find_name(const std::array<std::string_view, N>& names, std::string_view word, DateMode mode) {
  if (mode == DateMode::lenient && word.size() > 3 && word.size() <= kLongestName) {
    word = word.substr(0, 3);
  }
  for (std::size_t i = 0; i < N; ++i) {
    if (is_same(word, names[i])) return static_cast<int>(i);
  }
  return -1;
}

struct Zone {
  std::string_view name;
  int minutes;
};
constexpr std::array<Zone, 11> kZones = {{{"ut", 0},
                                          {"gmt", 0},
                                          {"utc", 0},
                                          {"est", -300},
                                          {"edt", -240},
                                          {"cst", -360},
                                          {"cdt", -300},
                                          {"mst", -420},
                                          {"mdt", -360},
                                          {"pst", -480},
                                          {"pdt", -420}}};

int days_of(int month, std::int64_t year) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<std::size_t>(month - 1)] + (leap && month == 2 ? 1 : 0);
}

class DateReader {
 public:
  DateReader(std::string_view body, DateMode mode) : cursor_(body), mode_(mode) {}

  tl::expected<Date, FieldFault> read() {
    if (!read_day_and_month() || !read_year_and_time() || !read_zone() || !check()) {
      return tl::make_unexpected(std::move(fault_));
    }
    Date date;
    const std::int64_t minutes =
        (days_since_1970(year_, month_, day_) * 24 + hour_) * 60 + minute_ - offset_.value_or(0);
    date.seconds = minutes * 60 + second_;
    date.offset_minutes = offset_;
    return date;
  }

 private:
  bool lenient() const { return mode_ == DateMode::lenient; }

  template <class... A>
  bool fail(std::size_t at, fmt::format_string<A...> text, A&&... args) {
    fault_ = {at, fmt::format(text, std::forward<A>(args)...)};
    return false;
  }
  bool expected(std::string_view what) {
    return fail(cursor_.position(), "expected {}, not {}", what, what_stands_at(cursor_));
  }

  bool skip() {
    if (skip_cfws(cursor_)) return true;
    return fail(cursor_.position(), "no \")\" closes this comment");
  }

  // What may stand between the parts of a date.
  bool skip_separator() {
    if (!skip()) return false;
    while (lenient() && (cursor_.peek() == '-' || cursor_.peek() == '.' || cursor_.peek() == ',')) {
      cursor_.skip();
      if (!skip()) return false;
    }
    return true;
  }

  // A number of `least` to `most` digits.
  bool read_number(std::string_view what, std::size_t least, std::size_t most,
                   std::int64_t& value) {
    const std::size_t begin = cursor_.position();
    const std::string_view digits = cursor_.take_while(is_digit);
    if (digits.empty()) return expected(what);
    if (digits.size() < least || digits.size() > most) {
      const std::string right = least == most ? "" : fmt::format("{} to ", least);
      return fail(begin, "{} has {}{} digits, not {}", what, right, most, digits.size());
    }
    value = 0;
    for (const char c : digits) value = value * 10 + (c - '0');
    return true;
  }
  bool read_number(std::string_view what, std::size_t least, std::size_t most, int& value) {
    std::int64_t wide = 0;
    if (!read_number(what, least, most, wide)) return false;
    value = static_cast<int>(wide);
    return true;
  }

  bool read_day_and_month() {
    if (!skip() || !read_weekday()) return false;
    if (month_ != 0) return skip_separator() && read_day();
    return read_day() && skip_separator() && read_month();
  }

  // "Fri," - or leniently whatever word stands there, or the month already.
  bool read_weekday() {
    weekday_at_ = cursor_.position();
    if (!is_letter(cursor_.peek())) return true;
    const std::string_view word = cursor_.take_while(is_letter);
    weekday_ = find_name(kWeekdays, word, mode_);
    if (!lenient()) {
      if (weekday_ < 0)
        return fail(weekday_at_, "\"{}\" is no day of the week", word.substr(0, 20));
      if (!skip()) return false;
      return cursor_.take(',') ? skip() : expected("\",\" after the day of the week");
    }
    if (weekday_ < 0 && is_month(word)) return true;
    if (!skip_separator()) return false;
    return !is_letter(cursor_.peek()) || read_month();
  }

  bool is_month(std::string_view word) {
    month_ = find_name(kMonths, word, mode_) + 1;
    return month_ > 0;
  }

  bool read_day() {
    day_at_ = cursor_.position();
    return read_number("the day", 1, 2, day_);
  }

  bool read_month() {
    const std::size_t begin = cursor_.position();
    const std::string_view word = cursor_.take_while(is_letter);
    if (word.empty()) return expected("a month");
    return is_month(word) || fail(begin, "\"{}\" is no month", word.substr(0, 20));
  }

  bool read_year_and_time() {
    if (!skip_separator()) return false;
    if (lenient() && is_time_next()) return read_time() && read_early_zone() && read_year();
    return read_year() && skip_separator() && read_time();
  }

  // ctime has the year after the time.
  bool is_time_next() const {
    Cursor ahead = cursor_;
    const std::size_t digits = ahead.take_while(is_digit).size();
    return digits <= 2 && ahead.peek() == ':';
  }

  bool read_year() {
    const std::size_t begin = cursor_.position();
    constexpr std::size_t kMostDigits = 9;
    if (!skip()) return false;
    if (!read_number("the year", 2, kMostDigits, year_)) return false;
    const std::size_t digits = cursor_.position() - begin;
    if (digits == 2) year_ += year_ < 50 ? 2000 : 1900;
    if (digits == 3) year_ += 1900;
    if (year_ >= kFirstYear && year_ <= kLastYear) return true;
    return fail(begin, "the year {} is not {} to {}", year_, kFirstYear, kLastYear);
  }

  bool read_time() {
    time_at_ = cursor_.position();
    if (lenient() && !is_time_next() && read_bare_time()) return true;
    if (!read_number("the hour", lenient() ? 1 : 2, 2, hour_) || !skip()) return false;
    if (!take_colon()) return expected("\":\" after the hour");
    if (!skip() || !read_number("the minute", 2, 2, minute_)) return false;
    if (!skip()) return lenient();
    if (!take_colon()) return true;
    if (!skip() || !read_number("the second", 2, 2, second_)) return false;
    if (lenient() && (cursor_.peek() == '.' || cursor_.peek() == ',') &&
        is_digit(cursor_.peek(1))) {
      cursor_.skip();
      (void)cursor_.take_while(is_digit);
    }
    return true;
  }

  bool take_colon() {
    const bool dot = lenient() && cursor_.peek() == '.' && is_digit(cursor_.peek(1));
    return cursor_.take(dot ? '.' : ':');
  }

  // "0955", as RFC 822 had it in its own examples.
  bool read_bare_time() {
    Cursor ahead = cursor_;
    const std::string_view digits = ahead.take_while(is_digit);
    if (digits.size() != 4) return false;
    hour_ = (digits[0] - '0') * 10 + digits[1] - '0';
    minute_ = (digits[2] - '0') * 10 + digits[3] - '0';
    cursor_ = ahead;
    return true;
  }

  // ctime has it, if at all, between the time and the year.
  bool read_early_zone() {
    if (!skip()) return false;
    return !is_zone_next() || read_any_zone();
  }

  bool is_zone_next() const {
    const char c = cursor_.peek();
    return c == '+' || c == '-' || is_letter(c);
  }

  bool read_any_zone() {
    zone_read_ = true;
    return is_letter(cursor_.peek()) ? read_named_zone() : read_numeric_zone();
  }

  bool read_zone() {
    if (!skip()) return lenient();
    if (!zone_read_ && is_zone_next() && !read_any_zone()) return false;
    if (lenient()) return true;  // whatever follows
    if (!zone_read_) return expected("a zone");
    return skip() && (cursor_.at_end() || expected("the end"));
  }

  bool read_named_zone() {
    const std::size_t begin = cursor_.position();
    const std::string_view name = cursor_.take_while(is_letter);
    if (name.size() == 1) {
      // RFC 822 had their signs wrong, so that they say nothing; but Z was right.
      if ((name[0] | 0x20) == 'z') offset_ = 0;
      if ((name[0] | 0x20) != 'j' || lenient()) return true;
      return fail(begin, "\"J\" is no zone");
    }
    for (const Zone& zone : kZones) {
      if (is_same(name, zone.name)) offset_ = zone.minutes;
    }
    const char sign = cursor_.peek();
    if (!lenient() || offset_ != 0 || (sign != '+' && sign != '-')) return true;
    return read_numeric_zone();
  }

  bool read_numeric_zone() {
    const std::size_t begin = cursor_.position();
    const bool west = cursor_.take() == '-';
    int value = 0;
    if (!read_zone_number(value)) return false;
    if (value % 100 > 59) return fail(begin, "a zone has no minute {}", value % 100);
    const int minutes = value / 100 * 60 + value % 100;
    if (west && minutes == 0) {
      offset_.reset();
    } else {
      offset_ = west ? -minutes : minutes;
    }
    return true;
  }

  bool read_zone_number(int& value) {
    if (!lenient()) return read_number("the zone", 4, 4, value);
    Cursor ahead = cursor_;
    const std::size_t digits = ahead.take_while(is_digit).size();
    if (!read_number("the zone", 1, 4, value)) return false;
    if (digits > 2) return true;
    value *= 100;
    int minutes = 0;
    if (cursor_.peek() != ':' || !is_digit(cursor_.peek(1))) return true;
    cursor_.skip();
    if (!read_number("the zone's minutes", 2, 2, minutes)) return false;
    value += minutes;
    return minutes < 60 || fail(cursor_.position() - 2, "a zone has no minute {}", minutes);
  }

  bool check() {
    if (day_ < 1 || day_ > days_of(month_, year_)) {
      return fail(day_at_, "the month has no day {}", day_);
    }
    if (hour_ > 23) return fail(time_at_, "a day has no hour {}", hour_);
    if (minute_ > 59) return fail(time_at_, "an hour has no minute {}", minute_);
    if (second_ > 60) return fail(time_at_, "a minute has no second {}", second_);
    const int right = weekday_of(days_since_1970(year_, month_, day_));
    if (lenient() || weekday_ < 0 || weekday_ == right) return true;
    return fail(weekday_at_, "that day is a {}", kWeekdays[static_cast<std::size_t>(right)]);
  }

  Cursor cursor_;
  DateMode mode_;
  FieldFault fault_;
  int weekday_ = -1;
  int month_ = 0;
  int day_ = 0;
  std::int64_t year_ = 0;
  int hour_ = 0;
  int minute_ = 0;
  int second_ = 0;
  std::optional<int> offset_;
  bool zone_read_ = false;
  std::size_t weekday_at_ = 0;
  std::size_t day_at_ = 0;
  std::size_t time_at_ = 0;
};

}  // namespace

tl::expected<Date, FieldFault> parse_date(std::string_view body, DateMode mode) {
  return DateReader(body, mode).read();
}

}  // namespace porpoise::mail
