#include "libmail/control_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

constexpr ControlLimits kSmall{.line_octets = 5, .entries = 2};

std::string value(std::string_view text, const ControlLimits& limits = {}) {
  const auto v = control_value("control/me", text, limits);
  if (!v) return v.error().text;
  return *v ? fmt::format("[{}]", **v) : "(none)";
}

std::string number(std::string_view text) {
  const auto v = control_number("control/n", text);
  if (!v) return v.error().text;
  return *v ? fmt::format("{}", **v) : "(none)";
}

std::string list(std::string_view text, const ControlLimits& limits = {}) {
  const auto entries = control_list("control/locals", text, limits);
  if (!entries) return entries.error().text;
  std::string all;
  for (const ControlEntry& entry : *entries) all += fmt::format("{}:{}|", entry.line, entry.text);
  return all;
}

TEST(ControlFile, TheFirstLineIsTheValue) {
  EXPECT_EQ(value("a b\nc\n"), "[a b]");
  EXPECT_EQ(value("no line feed"), "[no line feed]");
  EXPECT_EQ(value(" \ta \t\r\n"), "[a]");
  EXPECT_EQ(value("#a"), "[#a]");
  for (const char* empty : {"", "\n", " \t\r\n", "\nsecond\n"}) EXPECT_EQ(value(empty), "(none)");
}

TEST(ControlFile, WhatCannotBeMeantIsAnErrorWithItsLine) {
  EXPECT_EQ(value("a\0b\n"s), "control/me line 1: a NUL");
  EXPECT_EQ(value("a\n\0b"s), "[a]");
  EXPECT_EQ(value("12345\n", kSmall), "[12345]");
  EXPECT_EQ(value("123456\n", kSmall), "control/me line 1: more than 5 octets");
  EXPECT_EQ(list("a\n\nb\0\n"s), "control/locals line 3: a NUL");
  EXPECT_EQ(list("#123456\n", kSmall), "control/locals line 1: more than 5 octets");
  EXPECT_EQ(list("a\nb\n#\n\nc\n", kSmall), "control/locals line 5: more than 2 entries");
  EXPECT_EQ(control_value("f", "\0"s).error().fate, Fate::permanent);
}

TEST(ControlFile, NumbersAreDigits) {
  EXPECT_EQ(number("0\n"), "0");
  EXPECT_EQ(number(" 42 \n"), "42");
  EXPECT_EQ(number("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(number("\n"), "(none)");
  for (const char* bad : {"10abc", "-1", "+1", "1 2", "9223372036854775808", "x", "1.5"}) {
    EXPECT_EQ(number(bad), fmt::format("control/n: \"{}\" is not a number", bad));
  }
  EXPECT_EQ(number("\0"s), "control/n line 1: a NUL");
}

TEST(ControlFile, ListsSkipCommentsAndEmptyLines) {
  EXPECT_EQ(list("a\n\n#b\n c \r\n\t\nd#\nlast"), "1:a|4:c|6:d#|7:last|");
  EXPECT_EQ(list("  # indented\nx"), "2:x|");
  EXPECT_EQ(list(""), "");
  EXPECT_EQ(list("a\nb\n", kSmall), "1:a|2:b|");
}

TEST(ControlFile, MapsHaveAColon) {
  const auto pair = control_pair("x.test : a:b ");
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->key, "x.test");
  EXPECT_EQ(pair->value, "a:b");
  EXPECT_EQ(control_pair(":v")->key, "");
  EXPECT_EQ(control_pair("k:")->value, "");
  EXPECT_FALSE(control_pair("none"));
}

}  // namespace
}  // namespace porpoise::mail
