#include "libmail/header.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

// What a message reads as: "[name|body]" for each field (LF as /), then what ends the header and
// what is left for the body.
std::string shown(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = '/';
    if (c == '\r') c = '^';
  }
  return text;
}

std::string read(std::string_view message, std::size_t piece = 4096, HeaderLimits limits = {}) {
  HeaderReader reader(limits);
  std::string_view rest = message;
  while (!reader.done() && !rest.empty()) {
    rest.remove_prefix(reader.feed(rest.substr(0, piece)));
  }
  Result<Header> header = std::move(reader).finish();
  if (!header) return "error: " + header.error().text;
  std::string text;
  for (std::size_t i = 0; i < header->size(); ++i) {
    const FieldView f = header->field(i);
    EXPECT_EQ(f.text.back(), '\n');
    text += fmt::format("[{}|{}]", f.name, f.body);
  }
  text += header->end() == Header::End::input        ? "end"
          : header->end() == Header::End::empty_line ? "empty"
                                                     : "body";
  if (header->crlf().value_or(false)) text += "+crlf";
  return shown(fmt::format("{}:{}{}", text, header->body_begin(), rest));
}

TEST(Header, FieldsEndAtTheFirstEmptyLine) {
  EXPECT_EQ(read("A: b\n\nC: d\n"), "[A| b/]empty:C: d/");
  EXPECT_EQ(read("A: b\nC:d\n\n"), "[A| b/][C|d/]empty:");
  EXPECT_EQ(read("X:\n\n"), "[X|/]empty:");
  EXPECT_EQ(read("\nbody"), "empty:body");
}

TEST(Header, TheInputMayEndWithoutABody) {
  EXPECT_EQ(read(""), "end:");
  EXPECT_EQ(read("A: b\n"), "[A| b/]end:");
}

TEST(Header, ALastLineWithoutLineEndGetsOne) {
  EXPECT_EQ(read("A: b"), "[A| b/]end:");
  EXPECT_EQ(read("A: b\n c"), "[A| b/ c/]end:");
  EXPECT_EQ(read("A:"), "[A|/]end:");
  EXPECT_EQ(read("From joe"), "[MBOX-Line| From joe/]end:");
  EXPECT_EQ(read("From "), "[MBOX-Line| From /]end:");
}

TEST(Header, ALineThatBeginsWithABlankContinuesEvenIfItIsAllBlank) {
  EXPECT_EQ(read("A: b\n\tc\n \n d\n\n"), "[A| b/\tc/ / d/]empty:");
}

TEST(Header, AFirstLineThatBeginsWithABlankIsBody) {
  EXPECT_EQ(read(" A: b\n\nc"), "body: A: b//c");
}

TEST(Header, CrLfEndsALineAndTheHeaderToo) {
  EXPECT_EQ(read("A: b\r\n c\r\nD: e\r\n\r\nf\r\n"), "[A| b/ c/][D| e/]empty+crlf:f^/");
  EXPECT_EQ(read("\r\nf\r\n"), "empty+crlf:f^/");
}

TEST(Header, TheFirstLineTellsHowAllOfTheMessageEndsItsLines) {
  EXPECT_EQ(read("A: b\r\nC: d\n\ne"), "[A| b/][C| d/]empty+crlf:e");
  EXPECT_EQ(read("A: b\nC: d\r\n\r\ne\r\n"), "[A| b/][C| d/]empty:e^/");
}

TEST(Header, ACrThatEndsNoLineIsAnOctetLikeOthers) {
  EXPECT_EQ(read("A: b\rc\r\r\n\n"), "[A| b^c^/]empty+crlf:");
  EXPECT_EQ(read("A: b\n\rc\n"), "[A| b/]body:^c/");
  EXPECT_EQ(read("A: b\n\r"), "[A| b/]body:^");
}

TEST(Header, AnMboxSeparatorIsKeptUnderAnotherName) {
  EXPECT_EQ(read("From joe Sat Nov 21\nA: b\n\n"),
            "[MBOX-Line| From joe Sat Nov 21/][A| b/]empty:");
  EXPECT_EQ(read("A: b\nFrom joe\n\n"), "[A| b/][MBOX-Line| From joe/]empty:");
  EXPECT_EQ(read("From joe\r\nA: b\r\n\r\n"), "[MBOX-Line| From joe/][A| b/]empty+crlf:");
  EXPECT_EQ(read("From \n\n"), "[MBOX-Line| From /]empty:");
}

TEST(Header, FromWithABlankBeforeItsColonIsTheField) {
  EXPECT_EQ(read("From : joe\n\n"), "[From| joe/]empty:");
  EXPECT_EQ(read("From \t : joe\n\n"), "[From| joe/]empty:");
  EXPECT_EQ(read("Fromage: x\n\n"), "[Fromage| x/]empty:");
}

TEST(Header, ALineThatIsNoFieldBeginsTheBody) {
  EXPECT_EQ(read("A: b\nbad field: x\nC: d\n"), "[A| b/]body:bad field: x/C: d/");
  EXPECT_EQ(read("hello\nworld\n"), "body:hello/world/");
  EXPECT_EQ(read("A: b\n: x\n"), "[A| b/]body:: x/");
  EXPECT_EQ(read("A: b\n  : x\n"), "[A| b/  : x/]end:");
  EXPECT_EQ(read("N\xc3\xa4h: x\n"), "body:N\xc3\xa4h: x/");
  EXPECT_EQ(read("a\x7f: x\n"), "body:a\x7f: x/");
  EXPECT_EQ(read("a\0: x\n"s), "body:a\0: x/"s);
  EXPECT_EQ(read(">From joe\n"), "body:>From joe/");
  EXPECT_EQ(read("From"), "body:From");
  EXPECT_EQ(read("A: b\nunfinished"), "[A| b/]body:unfinished");
}

TEST(Header, BlanksBetweenNameAndColonAreNoPartOfTheName) {
  EXPECT_EQ(read("Subject \t: x\n\n"), "[Subject| x/]empty:");
  EXPECT_EQ(read("X-Odd!#$: v\n\n"), "[X-Odd!#$| v/]empty:");
}

TEST(Header, NulAndOctetsFrom128OnSurviveInABody) {
  EXPECT_EQ(read("A: \0\xff\xfe\n\n"s), "[A| \0\xff\xfe/]empty:"s);
}

TEST(Header, WhatIsReadDoesNotDependOnWhereThePiecesSplit) {
  for (const char* message :
       {"A: b\r\n c\r\n\r\nbody\r\n", "From joe\nA : b\n\nbody", "A: b\nbad field: x\nC: d\n",
        "\n\n", " x\ny", "From : joe\n\nx", "A: b\n\r\r\n", "A", "From ", "a:\r"}) {
    const std::string whole = read(message);
    for (std::size_t piece = 1; piece < 9; ++piece) EXPECT_EQ(read(message, piece), whole);
  }
}

TEST(Header, OnlyWhatIsNeededToKnowTheEndIsTaken) {
  HeaderReader reader;
  const std::string_view message = "A: b\nno field here\n";
  EXPECT_EQ(reader.feed(message), std::string_view("A: b\nno f").size());
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.feed(message), 0u);
}

TEST(Header, ALongLineWithoutAColonIsBodyBeforeItIsAllRead) {
  HeaderReader reader;
  const std::string line(100'000, 'x');
  EXPECT_EQ(reader.feed(line), 999u);
  EXPECT_TRUE(reader.done());
  HeaderReader blanks;
  EXPECT_EQ(blanks.feed("x" + std::string(100'000, ' ')), 999u);
}

TEST(Header, BeyondALimitIsAnErrorThatNamesIt) {
  HeaderLimits small;
  small.octets = 20;
  EXPECT_EQ(read("A: 345678901234567\n\n", 4096, small), "[A| 345678901234567/]empty:");
  EXPECT_EQ(read("A: 34567890123456789\n\n", 4096, small),
            "error: the header is longer than 20 octets");
  EXPECT_EQ(read("A: 34567890123456789\n\n", 1, small),
            "error: the header is longer than 20 octets");
  small = {};
  small.fields = 2;
  EXPECT_EQ(read("A:\nB:\n\n", 4096, small), "[A|/][B|/]empty:");
  EXPECT_EQ(read("A:\nB:\nC:\n\n", 4096, small), "error: the header has more than 2 fields");
}

TEST(Header, NamesAreKnownInAnyCase) {
  EXPECT_EQ(field_name("To"), FieldName::to);
  EXPECT_EQ(field_name("tO"), FieldName::to);
  EXPECT_EQ(field_name("CC"), FieldName::cc);
  EXPECT_EQ(field_name("Bcc"), FieldName::bcc);
  EXPECT_EQ(field_name("Apparently-To"), FieldName::apparently_to);
  EXPECT_EQ(field_name("Resent-To"), FieldName::resent_to);
  EXPECT_EQ(field_name("Resent-Cc"), FieldName::resent_cc);
  EXPECT_EQ(field_name("Resent-Bcc"), FieldName::resent_bcc);
  EXPECT_EQ(field_name("Sender"), FieldName::sender);
  EXPECT_EQ(field_name("fRoM"), FieldName::from);
  EXPECT_EQ(field_name("Reply-To"), FieldName::reply_to);
  EXPECT_EQ(field_name("Return-Receipt-To"), FieldName::return_receipt_to);
  EXPECT_EQ(field_name("Errors-To"), FieldName::errors_to);
  EXPECT_EQ(field_name("Resent-Sender"), FieldName::resent_sender);
  EXPECT_EQ(field_name("Resent-From"), FieldName::resent_from);
  EXPECT_EQ(field_name("Resent-Reply-To"), FieldName::resent_reply_to);
  EXPECT_EQ(field_name("Return-Path"), FieldName::return_path);
  EXPECT_EQ(field_name("Content-Length"), FieldName::content_length);
  EXPECT_EQ(field_name("dATE"), FieldName::date);
  EXPECT_EQ(field_name("Message-ID"), FieldName::message_id);
  EXPECT_EQ(field_name("Resent-Date"), FieldName::resent_date);
  EXPECT_EQ(field_name("Resent-Message-Id"), FieldName::resent_message_id);
  EXPECT_EQ(field_name("Mail-Followup-To"), FieldName::mail_followup_to);
  EXPECT_EQ(field_name("Mail-Reply-To"), FieldName::mail_reply_to);
  EXPECT_EQ(field_name("Subject"), FieldName::subject);
  EXPECT_EQ(field_name("Received"), FieldName::received);
  EXPECT_EQ(field_name("Delivered-To"), FieldName::delivered_to);
  EXPECT_EQ(field_name("Content-Type"), FieldName::content_type);
  EXPECT_EQ(field_name("Content-Transfer-Encoding"), FieldName::content_transfer_encoding);
  EXPECT_EQ(field_name("Notice-Requested-Upon-Delivery-To"),
            FieldName::notice_requested_upon_delivery_to);
}

TEST(Header, PartsAndExtensionsOfKnownNamesAreOthers) {
  for (const char* name :
       {"", "T", "Too", "Received-SPF", "X-To", "To ", "Tö", "Notice-Requested-Upon-Delivery-To-",
        "Notice-Requested-Upon-Delivery-T"}) {
    EXPECT_EQ(field_name(name), FieldName::other) << name;
  }
}

}  // namespace
}  // namespace porpoise::mail
