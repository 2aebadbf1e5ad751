#include "libmail/date.h"

#include <gtest/gtest.h>
#include <time.h>

namespace porpoise::mail {
namespace {

TEST(Date, UtcIsWrittenWithTheZoneThatSaysNothing) {
  EXPECT_EQ(print_date(0), "1 Jan 1970 00:00:00 -0000");
  EXPECT_EQ(print_date(1795234794), "21 Nov 2026 04:19:54 -0000");
}

TEST(Date, AnOffsetShiftsTheClockAndIsWritten) {
  EXPECT_EQ(print_date(1795234794, 330), "21 Nov 2026 09:49:54 +0530");
  EXPECT_EQ(print_date(1795234794, 0), "21 Nov 2026 04:19:54 +0000");
  EXPECT_EQ(print_date(1795234794, -210), "21 Nov 2026 00:49:54 -0330");
  EXPECT_EQ(print_date(1795234794, -300), "20 Nov 2026 23:19:54 -0500");
  EXPECT_EQ(print_date(0, -30), "31 Dec 1969 23:30:00 -0030");
}

TEST(Date, AnAbsurdOffsetIsCutToWhatTheZoneCanSay) {
  EXPECT_EQ(print_date(0, 1000000), "5 Jan 1970 03:59:00 +9959");
  EXPECT_EQ(print_date(0, -1000000), "27 Dec 1969 20:01:00 -9959");
}

TEST(Date, LeapDaysAndCenturies) {
  EXPECT_EQ(print_date(951782400), "29 Feb 2000 00:00:00 -0000");
  EXPECT_EQ(print_date(4107542399), "28 Feb 2100 23:59:59 -0000");
  EXPECT_EQ(print_date(4107542400), "1 Mar 2100 00:00:00 -0000");
  EXPECT_EQ(print_date(1709164800), "29 Feb 2024 00:00:00 -0000");
  EXPECT_EQ(print_date(2147483648), "19 Jan 2038 03:14:08 -0000");
  EXPECT_EQ(print_date(-62167219200), "1 Jan 0000 00:00:00 -0000");
}

TEST(Date, TheWeekdayIsKnown) {
  EXPECT_EQ(CivilTime::of(0).weekday, 4);
  EXPECT_EQ(CivilTime::of(-86400).weekday, 3);
  EXPECT_EQ(CivilTime::of(-86400 * 5).weekday, 6);
  EXPECT_EQ(CivilTime::of(1795234794).weekday, 6);
}

TEST(Date, EveryDayOf800YearsAgreesWithLibc) {
  for (std::int64_t day = -146097; day <= 146097; ++day) {
    const time_t seconds = day * 86400 + 3723;
    tm want{};
    ASSERT_NE(::gmtime_r(&seconds, &want), nullptr);
    const CivilTime got = CivilTime::of(seconds);
    ASSERT_EQ(got.year, want.tm_year + 1900) << day;
    ASSERT_EQ(got.month, want.tm_mon + 1) << day;
    ASSERT_EQ(got.day, want.tm_mday) << day;
    ASSERT_EQ(got.weekday, want.tm_wday) << day;
    ASSERT_EQ(days_since_1970(got.year, got.month, got.day), day);
    ASSERT_EQ(got.hour * 3600 + got.minute * 60 + got.second, 3723) << day;
  }
}

TEST(Date, TheCompactFormSortsByTime) {
  EXPECT_EQ(compact_time(1795234794), "20261121041954");
  EXPECT_LT(compact_time(999999999), compact_time(1000000000));
}

}  // namespace
}  // namespace porpoise::mail
