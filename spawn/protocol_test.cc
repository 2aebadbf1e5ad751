#include "spawn/protocol.h"

#include <gtest/gtest.h>

namespace porpoise::spawn {
namespace {

using namespace std::string_literals;

TEST(Protocol, AStartIsFourFields) {
  EXPECT_EQ(encode(StartDelivery{7, "a@b", "c@d", "note"}), "S7\0a@b\0c@d\0note\0"s);
  const auto start = decode_start("S7\0a@b\0c@d\0note\0"s);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->slot, 7u);
  EXPECT_EQ(start->sender, "a@b");
  EXPECT_EQ(start->recipient, "c@d");
  EXPECT_EQ(start->progress, "note");
}

TEST(Protocol, WhatGoesElsewhereHasALetterOfItsOwn) {
  const std::string octets =
      encode(StartDelivery{.slot = 7, .sender = "a@b", .recipient = "c@d", .elsewhere = true});
  EXPECT_EQ(octets, "E7\0a@b\0c@d\0\0"s);
  ASSERT_TRUE(decode_start(octets));
  EXPECT_TRUE(decode_start(octets)->elsewhere);
  EXPECT_FALSE(decode_start("S7\0a@b\0c@d\0\0"s)->elsewhere);
  EXPECT_FALSE(decode_start("E7\0a@b\0c@d\0"s));
}

TEST(Protocol, EmptyFieldsStayFields) {
  const auto start = decode_start(encode(StartDelivery{0, "", "c@d", ""}));
  ASSERT_TRUE(start);
  EXPECT_EQ(start->sender + "|" + start->recipient + "|" + start->progress, "|c@d|");
}

TEST(Protocol, NotesAndReportsSurviveTheWay) {
  const auto note = decode_note(encode(DeliveryNote{4'000'000'000, "x"}));
  ASSERT_TRUE(note);
  EXPECT_EQ(note->slot, 4'000'000'000u);
  EXPECT_EQ(note->note, "x");
  const auto report = decode_report(encode(DeliveryReport{1, 'D', "no\nway\n", "n"}));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->letter, 'D');
  EXPECT_EQ(report->text, "no\nway\n");
  EXPECT_EQ(report->note, "n");
}

TEST(Protocol, ANulInAFieldBeginsNoOther) {
  const auto report = decode_report(encode(DeliveryReport{1, 'K', "a\0b"s, ""}));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->text, "a?b");
}

TEST(Protocol, OnlyWholeMessagesAreRead) {
  for (const std::string& text :
       {""s, "S"s, "S1"s, "S1\0"s, "S1\0a\0b\0"s, "S1\0a\0b\0c"s, "S1\0a\0b\0c\0d\0"s,
        "X1\0a\0b\0c\0"s, "S\0a\0b\0c\0"s, "S-1\0a\0b\0c\0"s, "S1x\0a\0b\0c\0"s, "S 1\0a\0b\0c\0"s,
        "S4294967296\0a\0b\0c\0"s, "\0"s, "P1\0a\0"s, "R1\0K\0a\0b\0"s}) {
    EXPECT_FALSE(decode_start(text)) << text;
  }
  for (const std::string& text : {""s, "P1\0"s, "P1\0a"s, "P1\0a\0b\0"s, "S1\0a\0"s, "Px\0a\0"s}) {
    EXPECT_FALSE(decode_note(text)) << text;
  }
  for (const std::string& text : {""s, "R1\0\0a\0b\0"s, "R1\0KK\0a\0b\0"s, "R1\0k\0a\0b\0"s,
                                  "R1\0X\0a\0b\0"s, "R1\0K\0a\0"s, "Rx\0K\0a\0b\0"s}) {
    EXPECT_FALSE(decode_report(text)) << text;
  }
}

}  // namespace
}  // namespace porpoise::spawn
