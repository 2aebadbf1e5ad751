#include "libmail/pop3_command.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

std::string parsed(std::string_view line) {
  const Pop3Command command = parse_pop3_command(line);
  return fmt::format("{} \"{}\"", static_cast<int>(command.verb), command.argument);
}

TEST(Pop3Command, TheVerbIsRecognisedInAnyCase) {
  EXPECT_EQ(parse_pop3_command("STAT").verb, Pop3Verb::stat);
  EXPECT_EQ(parse_pop3_command("sTaT").verb, Pop3Verb::stat);
  EXPECT_EQ(parse_pop3_command("top 1 0").verb, Pop3Verb::top);
}

TEST(Pop3Command, AnythingElseIsUnknown) {
  for (std::string_view line : {"", " ", " STAT", "STATX", "STA", "STAT\t1", "STAT\r", "XYZZY",
                                "\xc5\xbftat", "GET / HTTP/1.1"}) {
    EXPECT_EQ(parse_pop3_command(line).verb, Pop3Verb::unknown) << line;
  }
  EXPECT_EQ(parse_pop3_command(std::string_view("STAT\0", 5)).verb, Pop3Verb::unknown);
}

TEST(Pop3Command, OneSpaceEndsTheVerbAndEveryOtherOneBelongsToTheArgument) {
  EXPECT_EQ(parsed("PASS a b "), fmt::format("{} \"a b \"", static_cast<int>(Pop3Verb::pass)));
  EXPECT_EQ(parsed("PASS  a"), fmt::format("{} \" a\"", static_cast<int>(Pop3Verb::pass)));
  EXPECT_EQ(parsed("PASS "), fmt::format("{} \"\"", static_cast<int>(Pop3Verb::pass)));
  EXPECT_EQ(parsed("PASS"), fmt::format("{} \"\"", static_cast<int>(Pop3Verb::pass)));
}

TEST(Pop3Words, SpacesMakeNoWords) {
  EXPECT_EQ(pop3_words("", 2).size(), 0u);
  EXPECT_EQ(pop3_words("   ", 2).size(), 0u);
  EXPECT_EQ(pop3_words(" 1  2 ", 2), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_EQ(pop3_words("1\t2", 2), (std::vector<std::string_view>{"1\t2"}));
}

TEST(Pop3Words, TooManyShowAsOneTooMany) {
  EXPECT_EQ(pop3_words("1 2 3 4 5", 2).size(), 3u);
}

TEST(Pop3Number, IsDigitsOnly) {
  EXPECT_EQ(pop3_number("0"), 0u);
  EXPECT_EQ(pop3_number("1"), 1u);
  EXPECT_EQ(pop3_number("4294967297"), 4294967297u);
  for (std::string_view word :
       {"", "-1", "+1", "01", "00", "1x", "1.0", "0x1", "one", "1 ", "\xd9\xa1"}) {
    EXPECT_EQ(pop3_number(word), std::nullopt) << word;
  }
}

TEST(Pop3Number, TooLargeNeverWrapsAround) {
  EXPECT_EQ(pop3_number("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(pop3_number("18446744073709551617"), UINT64_MAX);
  EXPECT_EQ(pop3_number("99999999999999999999"), UINT64_MAX);
  EXPECT_EQ(pop3_number(std::string(200, '9')), UINT64_MAX);
}

TEST(Pop3Name, IsWellFormedTextWithoutControls) {
  for (std::string_view name :
       {"alice", "../alice", "a b", "m\xc3\xbcller", "\xe2\x82\xac", "\xf0\x9f\x90\xac"}) {
    EXPECT_TRUE(is_pop3_name(name)) << name;
  }
  EXPECT_TRUE(is_pop3_name(std::string(128, 'a')));
}

TEST(Pop3Name, AnythingElseIsRefused) {
  for (std::string_view name : {"", "a\tb", "a\rb", "\x7f", "\x80", "\xc0\xaf", "\xc1\x81", "\xc3",
                                "\xc3(", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
                                "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    EXPECT_FALSE(is_pop3_name(name)) << name;
  }
  EXPECT_FALSE(is_pop3_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_pop3_name(std::string(129, 'a')));
}

}  // namespace
}  // namespace porpoise::mail
