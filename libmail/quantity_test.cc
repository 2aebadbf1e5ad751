#include "libmail/quantity.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using std::chrono::seconds;

std::string time_of(std::string_view text, seconds most = seconds::max()) {
  const auto time = parse_time(text, most);
  return time ? fmt::format("{}", time->count()) : time.error().text;
}

std::string size_of(std::string_view text, std::uint64_t most = UINT64_MAX) {
  const auto size = parse_size(text, most);
  return size ? fmt::format("{}", *size) : size.error().text;
}

TEST(Quantity, DigitsAreANumber) {
  EXPECT_EQ(parse_digits("0"), 0u);
  EXPECT_EQ(parse_digits("007"), 7u);
  EXPECT_EQ(parse_digits("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_digits("65535", 65535), 65535u);
  for (const char* bad : {"", " 1", "1 ", "-1", "+1", "1.0", "0x1", "a", "18446744073709551616",
                          "99999999999999999999999"}) {
    EXPECT_EQ(parse_digits(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_digits("65536", 65535), std::nullopt);
}

TEST(Quantity, TimesHaveAUnit) {
  EXPECT_EQ(time_of("300"), "300");
  EXPECT_EQ(time_of("300s"), "300");
  EXPECT_EQ(time_of("5m"), "300");
  EXPECT_EQ(time_of("2H"), "7200");
  EXPECT_EQ(time_of("5d"), "432000");
  EXPECT_EQ(time_of("1w"), "604800");
  EXPECT_EQ(time_of("0"), "0");
}

TEST(Quantity, WhatIsNoTimeIsTold) {
  const std::string want = "is no time: want digits and s, m, h, d or w";
  for (const char* bad : {"", "d", "5x", "-5d", "5 d", "5dd", "1h30m", "5d ", "1.5d", "+5"}) {
    EXPECT_EQ(time_of(bad), fmt::format("\"{}\" {}", bad, want));
  }
  EXPECT_EQ(time_of("\n\xff"), fmt::format("\"??\" {}", want));
  EXPECT_EQ(time_of(std::string(50, 'x')), fmt::format("\"{}...\" {}", std::string(40, 'x'), want));
  EXPECT_EQ(parse_time("x").error().fate, Fate::permanent);
}

TEST(Quantity, TimesAreBounded) {
  EXPECT_EQ(time_of("30d", seconds(30 * 86400)), "2592000");
  EXPECT_EQ(time_of("31d", seconds(30 * 86400)), "\"31d\" is too long a time: at most 30d");
  EXPECT_EQ(time_of("2592001", seconds(30 * 86400)), "\"2592001\" is too long a time: at most 30d");
  EXPECT_EQ(time_of("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(time_of("9223372036854775808"),
            "\"9223372036854775808\" is too long a time: at most 9223372036854775807s");
  EXPECT_EQ(time_of("18446744073709551615w").substr(0, 43),
            "\"18446744073709551615w\" is too long a time:");
  EXPECT_EQ(time_of("99999999999999999999").substr(0, 30), "\"99999999999999999999\" is too ");
}

TEST(Quantity, SizesHaveAUnit) {
  EXPECT_EQ(size_of("10"), "10");
  EXPECT_EQ(size_of("10k"), "10240");
  EXPECT_EQ(size_of("10M"), "10485760");
  EXPECT_EQ(size_of("1G"), "1073741824");
  EXPECT_EQ(size_of("2t"), "2199023255552");
}

TEST(Quantity, WhatIsNoSizeIsTold) {
  const std::string want = "is no size: want digits and K, M, G or T";
  for (const char* bad : {"", "M", "10MB", "10P", "-1", "1 M", "ten"}) {
    EXPECT_EQ(size_of(bad), fmt::format("\"{}\" {}", bad, want));
  }
  EXPECT_EQ(size_of("11M", 10 << 20), "\"11M\" is too great a size: at most 10M");
  EXPECT_EQ(size_of("16777216T"),
            "\"16777216T\" is too great a size: at most 18446744073709551615");
}

TEST(Quantity, PrintsWithTheGreatestWholeUnit) {
  for (const char* text : {"0s", "1s", "90s", "5m", "2h", "36h", "5d", "1w", "61s"}) {
    EXPECT_EQ(print_time(*parse_time(text)), text);
  }
  EXPECT_EQ(print_time(seconds(7 * 86400)), "1w");
  for (const char* text : {"0", "1", "1000", "1K", "10M", "1536M", "1G", "3T"}) {
    EXPECT_EQ(print_size(*parse_size(text)), text);
  }
}

}  // namespace
}  // namespace porpoise::mail
