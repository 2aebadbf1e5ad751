#include "libmail/date_reader.h"

#include <gtest/gtest.h>

#include "libmail/date.h"

namespace porpoise::mail {
namespace {

// The date as print_date() has it, or "OCTET TEXT" of the fault.
std::string read(std::string_view body, DateMode mode) {
  const auto date = parse_date(body, mode);
  if (!date) return fmt::format("{} {}", date.error().at, date.error().text);
  return print_date(date->seconds, date->offset_minutes);
}
std::string strict(std::string_view body) {
  return read(body, DateMode::strict);
}
std::string lenient(std::string_view body) {
  return read(body, DateMode::lenient);
}
// Both modes say the same.
std::string both(std::string_view body) {
  EXPECT_EQ(lenient(body), strict(body));
  return strict(body);
}

TEST(DateReader, ReadsWhatRfc5322Writes) {
  EXPECT_EQ(both(" Fri, 21 Nov 1997 09:55:06 -0600\r\n"), "21 Nov 1997 09:55:06 -0600");
  EXPECT_EQ(both("Tue, 1 Jul 2003 10:52:37 +0200"), "1 Jul 2003 10:52:37 +0200");
  EXPECT_EQ(both("Thu, 13 Feb 1969 23:32 -0330"), "13 Feb 1969 23:32:00 -0330");
  EXPECT_EQ(both("1 Jan 9999 00:00:00 +9959"), "1 Jan 9999 00:00:00 +9959");
  EXPECT_EQ(both("31 Dec 1900 00:00:00 +0000"), "31 Dec 1900 00:00:00 +0000");
}

// R822-5.1-seconds-optional
TEST(DateReader, SecondsMayBeLeftOut) {
  EXPECT_EQ(both("1 Jan 2024 10:20 +0000"), "1 Jan 2024 10:20:00 +0000");
}

// R822-3.4.7-case-insensitive
TEST(DateReader, CaseDoesNotCount) {
  EXPECT_EQ(both("mon, 01 JAN 2024 00:00:00 gmt"), "1 Jan 2024 00:00:00 +0000");
}

// R5322-4.3-obs-date-cfws
TEST(DateReader, CommentsAndFoldsMayStandAnywhere) {
  EXPECT_EQ(both("Fri, 21 Nov 1997 09(comment): 55 : 06 -0600"), "21 Nov 1997 09:55:06 -0600");
  EXPECT_EQ(
      both("(a)Thu\r\n ,\r\n 13\n Feb\n 1969\n 23(b (c) \\))\n :\n 32\n -0330 (Newfoundland)"),
      "13 Feb 1969 23:32:00 -0330");
}

// R5322-4.3-obs-year R822-5.1-two-digit-year
TEST(DateReader, ShortYearsAreOfThisCenturyOrTheLast) {
  EXPECT_EQ(both("1 Jan 49 00:00 +0000"), "1 Jan 2049 00:00:00 +0000");
  EXPECT_EQ(both("1 Jan 50 00:00 +0000"), "1 Jan 1950 00:00:00 +0000");
  EXPECT_EQ(both("1 Jan 100 00:00 +0000"), "1 Jan 2000 00:00:00 +0000");
  EXPECT_EQ(both("1 Jan 124 00:00 +0000"), "1 Jan 2024 00:00:00 +0000");
}

// R822-5.1-zone-names R1123-5.2.14-s54-ua-accept-zones
TEST(DateReader, ZonesByNameHaveTheirOffsets) {
  const std::pair<std::string_view, std::string_view> zones[] = {
      {"UT", "+0000"},  {"GMT", "+0000"},   {"UTC", "+0000"},  {"EST", "-0500"}, {"EDT", "-0400"},
      {"CST", "-0600"}, {"CDT", "-0500"},   {"MST", "-0700"},  {"MDT", "-0600"}, {"PST", "-0800"},
      {"PDT", "-0700"}, {"+0100", "+0100"}, {"-0800", "-0800"}};
  for (const auto& [name, offset] : zones) {
    EXPECT_EQ(both(fmt::format("1 Jan 2024 10:00:00 {}", name)),
              fmt::format("1 Jan 2024 10:00:00 {}", offset));
  }
}

// R822-5.1-zone-military R1123-5.2.14-military-zones-void
TEST(DateReader, MilitaryZonesSayNothingButZ) {
  for (char zone = 'A'; zone <= 'Y'; ++zone) {
    if (zone == 'J') continue;
    EXPECT_EQ(both(fmt::format("1 Jan 2024 10:00 {}", zone)), "1 Jan 2024 10:00:00 -0000") << zone;
  }
  EXPECT_EQ(both("1 Jan 2024 10:00 z"), "1 Jan 2024 10:00:00 +0000");
  EXPECT_EQ(strict("1 Jan 2024 10:00 J"), "17 \"J\" is no zone");
}

// R5322-4.3-obs-zone
TEST(DateReader, AnUnknownZoneSaysNothing) {
  EXPECT_EQ(both("1 Jan 2024 00:00:00 XYZ"), "1 Jan 2024 00:00:00 -0000");
  EXPECT_EQ(both("1 Jan 2024 00:00:00 CEST"), "1 Jan 2024 00:00:00 -0000");
}

// R5322-3.3-zone-minus-0000
TEST(DateReader, MinusZeroIsUtcOfAWriterWhoDoesNotSay) {
  const auto unknown = parse_date("1 Jan 2024 00:00 -0000");
  const auto utc = parse_date("1 Jan 2024 00:00 +0000");
  ASSERT_TRUE(unknown && utc);
  EXPECT_EQ(unknown->seconds, utc->seconds);
  EXPECT_FALSE(unknown->offset_minutes);
  EXPECT_EQ(utc->offset_minutes, 0);
}

// R822-5.1-zone-numeric
TEST(DateReader, ANumericZoneIsHoursAndMinutes) {
  EXPECT_EQ(both("1 Jan 2024 00:00 +0530"), "1 Jan 2024 00:00:00 +0530");
  EXPECT_EQ(both("1 Jan 2024 00:00 +2460"), "17 a zone has no minute 60");
  EXPECT_EQ(strict("1 Jan 2024 00:00 +053"), "18 the zone has 4 digits, not 3");
}

// R822-5.2-time-24h
TEST(DateReader, TimesAreOfOneDayWithItsLeapSecond) {
  EXPECT_EQ(both("31 Dec 2016 23:59:60 +0000"), "1 Jan 2017 00:00:00 +0000");
  EXPECT_EQ(both("1 Jan 2024 24:00:00 +0000"), "11 a day has no hour 24");
  EXPECT_EQ(both("1 Jan 2024 10:60 +0000"), "11 an hour has no minute 60");
  EXPECT_EQ(both("1 Jan 2024 10:00:61 +0000"), "11 a minute has no second 61");
}

// R5322-3.3-semantic-valid R822-5.1-weekday-match
TEST(DateReader, ADateHasToBeOne) {
  EXPECT_EQ(both("31 Feb 2024 00:00 +0000"), "0 the month has no day 31");
  EXPECT_EQ(both("29 Feb 2023 00:00 +0000"), "0 the month has no day 29");
  EXPECT_EQ(both("29 Feb 2024 00:00 +0000"), "29 Feb 2024 00:00:00 +0000");
  EXPECT_EQ(both("29 Feb 2000 00:00 +0000"), "29 Feb 2000 00:00:00 +0000");
  EXPECT_EQ(both("29 Feb 2100 00:00 +0000"), "0 the month has no day 29");
  EXPECT_EQ(both("0 Jan 2024 00:00 +0000"), "0 the month has no day 0");
  EXPECT_EQ(both("1 Jan 1899 00:00 +0000"), "6 the year 1899 is not 1900 to 9999");
  EXPECT_EQ(both("1 Jan 10000 00:00 +0000"), "6 the year 10000 is not 1900 to 9999");
  EXPECT_EQ(strict("Tue, 01 Jan 2024 00:00:00 +0000"), "0 that day is a Mon");
  EXPECT_EQ(lenient("Tue, 01 Jan 2024 00:00:00 +0000"), "1 Jan 2024 00:00:00 +0000");
}

TEST(DateReader, WhatIsMissingIsNamedWithItsPlace) {
  EXPECT_EQ(both(""), "0 expected the day, not the end");
  EXPECT_EQ(both(" \r\n"), "3 expected the day, not the end");
  EXPECT_EQ(both("21"), "2 expected a month, not the end");
  EXPECT_EQ(both("21 Nov"), "6 expected the year, not the end");
  EXPECT_EQ(both("21 Nov 1997"), "11 expected the hour, not the end");
  EXPECT_EQ(both("21 Nov 1997 09"), "14 expected \":\" after the hour, not the end");
  EXPECT_EQ(both("21 Nov 1997 09:"), "15 expected the minute, not the end");
  EXPECT_EQ(both("21 Nov 1997 09:55:"), "18 expected the second, not the end");
  EXPECT_EQ(strict("21 Nov 1997 09:55"), "17 expected a zone, not the end");
  EXPECT_EQ(strict("Fri 21 Nov 1997 09:55 -0600"),
            "4 expected \",\" after the day of the week, not \"21\"");
  EXPECT_EQ(strict("21 Nov 1997 09:55 \x01\xff"), "18 expected a zone, not \"??\"");
  EXPECT_EQ(strict("21 Nov 1997 09:55 -0600 x"), "24 expected the end, not \"x\"");
}

TEST(DateReader, WhatIsNotADateIsRefused) {
  EXPECT_EQ(both("21 Nox 1997 09:55 -0600"), "3 \"Nox\" is no month");
  EXPECT_EQ(strict("21 November 1997 09:55 -0600"), "3 \"November\" is no month");
  EXPECT_EQ(strict("Friday, 21 Nov 1997 09:55 -0600"), "0 \"Friday\" is no day of the week");
  EXPECT_EQ(both("121 Nov 1997 09:55 -0600"), "0 the day has 1 to 2 digits, not 3");
  EXPECT_EQ(both("21 Nov 7 09:55 -0600"), "7 the year has 2 to 9 digits, not 1");
  EXPECT_EQ(both("21 Nov 1234567890 09:55 -0600"), "7 the year has 2 to 9 digits, not 10");
  EXPECT_EQ(strict("21 Nov 1997 9:55 -0600"), "12 the hour has 2 digits, not 1");
  EXPECT_EQ(both("21 Nov 1997 09:5 -0600"), "15 the minute has 2 digits, not 1");
  EXPECT_EQ(both("21 Nov (1997 09:55 -0600"), "7 no \")\" closes this comment");
  EXPECT_EQ(both("21 Nov 1997 09(:55 -0600"), "14 no \")\" closes this comment");
  EXPECT_EQ(strict("21 Nov 1997 09:55 -0600 (x"), "24 no \")\" closes this comment");
  // As RFC 822 has it in appendix A.3.
  EXPECT_EQ(strict("26 Aug 76 1429 EDT"), "10 the hour has 2 digits, not 4");
}

TEST(DateReader, ForgivesWhatRealMailHas) {
  EXPECT_EQ(lenient("26 Aug 76 1429 EDT"), "26 Aug 1976 14:29:00 -0400");
  EXPECT_EQ(lenient("Friday, 21 November 1997 9:55 -0600"), "21 Nov 1997 09:55:00 -0600");
  EXPECT_EQ(lenient("Fri Nov 21 09:55:06 1997"), "21 Nov 1997 09:55:06 -0000");
  EXPECT_EQ(lenient("Fri Nov 21 09:55:06 EST 1997"), "21 Nov 1997 09:55:06 -0500");
  EXPECT_EQ(lenient("Fri Nov 21 09:55:06 1997 +0100"), "21 Nov 1997 09:55:06 +0100");
  EXPECT_EQ(lenient("Nov 21, 1997 09:55:06 -0600"), "21 Nov 1997 09:55:06 -0600");
  EXPECT_EQ(lenient("21-Nov-1997 09.55.06 +01:30"), "21 Nov 1997 09:55:06 +0130");
  EXPECT_EQ(lenient("21.Sept.97 09:55 GMT+0100"), "21 Sep 1997 09:55:00 +0100");
  EXPECT_EQ(lenient("21 Nov 1997 09:55:06.789 +1"), "21 Nov 1997 09:55:06 +0100");
  EXPECT_EQ(lenient("21 Nov 1997 09:55:06"), "21 Nov 1997 09:55:06 -0000");
  EXPECT_EQ(lenient("21 Nov 1997 09:55:06 (no end"), "21 Nov 1997 09:55:06 -0000");
  EXPECT_EQ(lenient("21 Nov 1997 09:55:06 +0100 CET and more"), "21 Nov 1997 09:55:06 +0100");
  EXPECT_EQ(lenient("Fr, 21 Nov 1997 09:55:06 J"), "21 Nov 1997 09:55:06 -0000");
}

TEST(DateReader, ForgivesNoNumberOutOfRange) {
  EXPECT_EQ(lenient("21 Nov 1997 2555 -0600"), "12 a day has no hour 25");
  EXPECT_EQ(lenient("21 Nov 1997 09:55 +01:60"), "22 a zone has no minute 60");
  EXPECT_EQ(lenient("21 Nov 1997 09:55 +12345"), "19 the zone has 1 to 4 digits, not 5");
  EXPECT_EQ(lenient("Nov 31 1997 09:55 -0600"), "4 the month has no day 31");
}

TEST(DateReader, AnHourOfZonesIsTakenFromTheTime) {
  EXPECT_EQ(parse_date("1 Jan 1970 01:00 +0100")->seconds, 0);
  EXPECT_EQ(parse_date("31 Dec 1969 19:00 EST")->seconds, 0);
  EXPECT_EQ(parse_date("21 Nov 2026 09:49:54 +0530")->seconds, 1795234794);
}

}  // namespace
}  // namespace porpoise::mail
