#include "libmail/number.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <string>

namespace porpoise {
namespace {

TEST(ParseNumber, TakesTheWholeText) {
  std::uint32_t n = 0;
  EXPECT_TRUE(parse_number("0", n));
  EXPECT_EQ(n, 0u);
  EXPECT_TRUE(parse_number("4294967295", n));
  EXPECT_EQ(n, 4294967295u);
  EXPECT_TRUE(parse_number("007", n));
  EXPECT_EQ(n, 7u);
  EXPECT_TRUE(parse_number("00ff", n, 16));
  EXPECT_EQ(n, 255u);
  std::int64_t below = 0;
  EXPECT_TRUE(parse_number("-9223372036854775808", below));
  EXPECT_EQ(below, INT64_MIN);
}

TEST(ParseNumber, LeavesTheNumberAsItWasWhereTheTextIsNone) {
  for (const std::string text : {"", "-1", "+1", " 1", "1 ", "12x", "0x1", "4294967296", "1.0",
                                 "99999999999999999999", "\xb2"}) {
    std::uint32_t n = 17;
    EXPECT_FALSE(parse_number(text, n)) << text;
    EXPECT_EQ(n, 17u) << text;
  }
  std::uint32_t n = 17;
  EXPECT_FALSE(parse_number(std::string_view("1\0", 2), n));
  EXPECT_FALSE(parse_number("fg", n, 16));
  EXPECT_FALSE(parse_number(std::string_view(), n));
  EXPECT_EQ(n, 17u);
}

}  // namespace
}  // namespace porpoise
