#include "libmail/utf8.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

std::string character(char32_t c) {
  std::string out;
  append_utf8(out, c);
  return out;
}

TEST(Utf8, KnowsWhatItIs) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\u00e9\u20ac\U0001f42c\x7f"));
  for (const std::string_view text :
       {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xe2\x82", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "a\xc3(", "\xe2\x28\xac"}) {
    EXPECT_FALSE(is_utf8(text)) << text.size();
  }
}

TEST(Utf8, WritesEachLength) {
  EXPECT_EQ(character('a'), "a");
  EXPECT_EQ(character(0x7ff), "\xdf\xbf");
  EXPECT_EQ(character(0x800), "\xe0\xa0\x80");
  EXPECT_EQ(character(0xffff), "\xef\xbf\xbf");
  EXPECT_EQ(character(0x1f42c), "\xf0\x9f\x90\xac");
  EXPECT_EQ(character(0x10ffff), "\xf4\x8f\xbf\xbf");
}

TEST(Utf8, WritesAReplacementForNoCharacter) {
  EXPECT_EQ(character(0xd800), kReplacement);
  EXPECT_EQ(character(0xdfff), kReplacement);
  EXPECT_EQ(character(0x110000), kReplacement);
}

TEST(Utf8, ReplacesEachOctetThatBelongsToNoCharacter) {
  std::string out = "x";
  append_as_utf8(out, "a\xff\xc3\xb6\xe2\x82");
  EXPECT_EQ(out, "xa\ufffd\u00f6\ufffd\ufffd");
}

}  // namespace
}  // namespace porpoise::mail
