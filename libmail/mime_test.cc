#include "libmail/mime.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "libmail/dsn.h"

namespace porpoise::mail {
namespace {

// A line a part: its depth in blanks, what it is, its body.
std::string walk(std::string_view message) {
  std::string text;
  MimeWalker walker(message);
  for (MimePart part; walker.next(part);) {
    const char* kind = part.kind == MimePart::Kind::leaf        ? ""
                       : part.kind == MimePart::Kind::multipart ? " multipart"
                                                                : " message";
    text += fmt::format("{}{} {}{}{}", std::string(part.depth, ' '), part.type.value, part.encoding,
                        kind, part.too_deep ? " too deep" : "");
    if (part.kind == MimePart::Kind::leaf) text += fmt::format(" [{}]", part.body);
    text += ";";
  }
  for (char& c : text) {
    if (c == '\n') c = '/';
    if (c == '\r') c = '^';
  }
  return text;
}

constexpr std::string_view kMixed = "Content-Type: multipart/mixed; boundary=b\n\n";

std::string mixed(std::string_view body) {
  return walk(std::string(kMixed) + std::string(body));
}

TEST(Mime, AMessageWithoutATypeIsPlainText) {
  EXPECT_EQ(walk("From: a\n\nbody\n"), "text/plain 7bit [body/];");
  EXPECT_EQ(walk(""), "text/plain 7bit [];");
  EXPECT_EQ(walk("Content-Type: nonsense\nContent-Transfer-Encoding: \"\n\nx"),
            "text/plain 7bit [x];");
}

TEST(Mime, TheFirstOfTwoFieldsCounts) {
  EXPECT_EQ(walk("Content-Type: text/html\ncontent-type: text/x\n"
                 "Content-Transfer-Encoding: Base64\nContent-Transfer-Encoding: 8bit\n\nx"),
            "text/html base64 [x];");
}

TEST(Mime, PartsStandBetweenDelimiterLines) {
  EXPECT_EQ(mixed("preamble\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n\n--b--\nepilogue"),
            "multipart/mixed 7bit multipart; text/plain 7bit [one]; text/html 7bit [two/];");
}

TEST(Mime, CrLfEndsLinesToo) {
  EXPECT_EQ(walk("Content-Type: multipart/mixed;\r\n boundary=\"b b\"\r\n\r\n--b b\r\n\r\none\r\n"
                 "--b b  \r\n\r\ntwo\r\n--b b--"),
            "multipart/mixed 7bit multipart; text/plain 7bit [one]; text/plain 7bit [two];");
}

TEST(Mime, OnlyAWholeLineIsADelimiter) {
  EXPECT_EQ(mixed("--b\n\nx --b\n --b\n--bc\n--b-\n--b--x\n-- b\n--b"),
            "multipart/mixed 7bit multipart; text/plain 7bit [x --b/ --b/--bc/--b-/--b--x/-- b];"
            " text/plain 7bit [];");
}

TEST(Mime, WithoutADelimiterTheLastPartEndsWithTheMessage) {
  EXPECT_EQ(mixed("--b\n\none\n--b\n\ntwo\n"),
            "multipart/mixed 7bit multipart; text/plain 7bit [one]; text/plain 7bit [two/];");
}

TEST(Mime, PartsMayBeEmpty) {
  EXPECT_EQ(mixed("--b\n--b\n\n--b\n\n\n--b--\n"),
            "multipart/mixed 7bit multipart; text/plain 7bit []; text/plain 7bit [];"
            " text/plain 7bit [];");
}

TEST(Mime, AMultipartWithoutPartsIsALeaf) {
  EXPECT_EQ(mixed("no delimiter\n"), "multipart/mixed 7bit [no delimiter/];");
  EXPECT_EQ(mixed("--b--\n--b\n\nx"), "multipart/mixed 7bit [--b--/--b//x];");
  EXPECT_EQ(walk("Content-Type: multipart/mixed\n\n--\n\nx"), "multipart/mixed 7bit [--//x];");
  EXPECT_EQ(walk("Content-Type: multipart/mixed; boundary=\" \"\n\n--\n\nx"),
            "multipart/mixed 7bit [--//x];");
}

TEST(Mime, APartMayHaveNoHeaderAndNoEmptyLine) {
  EXPECT_EQ(mixed("--b\nno field\n--b\nA: b\n--b--\n"),
            "multipart/mixed 7bit multipart; text/plain 7bit [no field]; text/plain 7bit [];");
}

TEST(Mime, PartsNest) {
  EXPECT_EQ(mixed("--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c--\n--b\n"
                  "\ntwo\n--b--\n"),
            "multipart/mixed 7bit multipart; multipart/alternative 7bit multipart;"
            "  text/plain 7bit [one]; text/plain 7bit [two];");
}

TEST(Mime, ADelimiterOfAnOuterPartEndsAllInnerOnes) {
  EXPECT_EQ(mixed("--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b\n\ntwo\n"
                  "--c\n\nthree\n--b--\n"),
            "multipart/mixed 7bit multipart; multipart/alternative 7bit multipart;"
            "  text/plain 7bit [one]; text/plain 7bit [two/--c//three];");
}

TEST(Mime, AMessageInAMessageIsLookedInto) {
  EXPECT_EQ(walk("Content-Type: message/rfc822\n\nFrom: a\nContent-Type: text/html\n\nx"),
            "message/rfc822 7bit message; text/html 7bit [x];");
  EXPECT_EQ(walk("Content-Type: message/global\n\n\nx"),
            "message/global 7bit message; text/plain 7bit [x];");
  EXPECT_EQ(walk("Content-Type: message/rfc822\n\n"), "message/rfc822 7bit [];");
}

TEST(Mime, AnEncodedMessageIsNotLookedInto) {
  EXPECT_EQ(walk("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nRnJvbQ=="),
            "message/rfc822 base64 [RnJvbQ==];");
}

TEST(Mime, TheDefaultInADigestIsAMessage) {
  EXPECT_EQ(walk("Content-Type: multipart/digest; boundary=b\n\n--b\n\nFrom: a\n\nx\n--b--\n"),
            "multipart/digest 7bit multipart; message/rfc822 7bit message;  text/plain 7bit [x];");
}

TEST(Mime, TheReportOfRfc3464) {
  EXPECT_EQ(walk("Content-Type: multipart/report; report-type=delivery-status;\n"
                 "\tboundary=\"r.1/x\"\n\n--r.1/x\n\ntext\n--r.1/x\n"
                 "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n--r.1/x\n"
                 "Content-Type: text/rfc822-headers\n\nFrom: a\n--r.1/x--\n"),
            "multipart/report 7bit multipart; text/plain 7bit [text];"
            " message/delivery-status 7bit [Reporting-MTA: dns; a/];"
            " text/rfc822-headers 7bit [From: a];");
}

// What the machine's part of a report says, printed anew.
std::string status_in(std::string_view message) {
  MimeWalker walker(message);
  for (MimePart part; walker.next(part);) {
    if (!part.type.value.ends_with("delivery-status")) continue;
    const auto status = parse_delivery_status(part.body);
    return status ? print(*status, DsnForm::global) : status.error().text;
  }
  return "none";
}

// R6533-4.4-equivalence
TEST(Mime, TheGlobalTypesOfRfc6533AreReadAsTheirClassicEquals) {
  const auto report = [](std::string_view status, std::string_view original) {
    return fmt::format(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\ntext\n"
        "--b\nContent-Type: message/{}\n\nReporting-MTA: dns; a.test\n\n"
        "Final-Recipient: rfc822; j@x.test\nAction: failed\nStatus: 5.1.1\n\n"
        "--b\nContent-Type: message/{}\n\nFrom: a\n\nb\n--b--\n",
        status, original);
  };
  const std::string classic = report("delivery-status", "rfc822");
  EXPECT_TRUE(status_in(classic).starts_with("Reporting-MTA: dns; a.test\n")) << status_in(classic);
  for (const auto& [status, original] :
       {std::pair("delivery-status", "global"), std::pair("global-delivery-status", "rfc822"),
        std::pair("global-delivery-status", "global")}) {
    EXPECT_EQ(status_in(report(status, original)), status_in(classic));
    std::size_t deepest = 0;
    const std::string message = report(status, original);
    MimeWalker walker(message);
    for (MimePart part; walker.next(part);) deepest = std::max(deepest, part.depth);
    EXPECT_EQ(deepest, 2U);
  }
}

TEST(Mime, WhatLiesTooDeepIsNotTakenApart) {
  std::string message;
  for (std::size_t i = 0; i < kMaxMimeDepth + 3; ++i) message += "Content-Type: message/rfc822\n\n";
  std::size_t deepest = 0;
  std::size_t too_deep = 0;
  MimeWalker walker(message);
  for (MimePart part; walker.next(part);) {
    deepest = std::max(deepest, part.depth);
    too_deep += part.too_deep ? 1 : 0;
  }
  EXPECT_EQ(deepest, kMaxMimeDepth);
  EXPECT_EQ(too_deep, 1U);
}

}  // namespace
}  // namespace porpoise::mail
