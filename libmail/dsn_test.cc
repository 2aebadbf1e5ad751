#include "libmail/dsn.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

// RFC 3464 appendix D.2's shape: one field of each kind.
constexpr std::string_view kFull =
    "Original-Envelope-Id: QQ 314159\n"
    "Reporting-MTA: dns; mx.here.test\n"
    "DSN-Gateway: dns; gate.test\n"
    "Received-From-MTA: dns; client.test ([127.0.0.1])\n"
    "Arrival-Date: Sat, 21 Nov 2026 10:00:00 +0000\n"
    "X-Porpoise-Id: abc\n"
    "\n"
    "Original-Recipient: rfc822; louisl@larry.test\n"
    "Final-Recipient: rfc822; louisl@larry.test\n"
    "Action: failed\n"
    "Status: 4.0.0\n"
    "Remote-MTA: dns; sink.test\n"
    "Diagnostic-Code: smtp; 426 connection timed out\n"
    "Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400\n"
    "Final-Log-ID: 7\n"
    "X-More: yes\n"
    "\n"
    "Final-Recipient: utf-8; b\\x{FC}@x.test\n"
    "Action: delayed\n"
    "Status: 4.4.1\n"
    "Will-Retry-Until: Sun, 22 Nov 2026 10:00:00 +0000\n";

std::string fault(std::string_view text, DsnLimits limits = {}) {
  const auto status = parse_delivery_status(text, limits);
  return status ? "read" : fmt::format("{}: {}", status.error().at, status.error().text);
}

constexpr std::string_view kMessage = "Reporting-MTA: dns; a\n\n";
constexpr std::string_view kRecipient =
    "Final-Recipient: rfc822; b@c\nAction: failed\nStatus: 5.1.1\n";

/// What is wrong with a recipient's group after one for the message.
std::string recipient_fault(std::string_view group) {
  return fault(std::string(kMessage) + std::string(group));
}

TEST(Dsn, EveryFieldIsReadAndPrintedAsItWas) {
  const auto status = parse_delivery_status(kFull);
  ASSERT_TRUE(status) << status.error().text;
  EXPECT_EQ(status->message.envelope_id, "QQ 314159");
  EXPECT_EQ(status->message.reporting_mta.type, "dns");
  ASSERT_EQ(status->recipients.size(), 2u);
  const DsnRecipient& first = status->recipients[0];
  EXPECT_EQ(first.original->text, "louisl@larry.test");
  EXPECT_EQ(first.action, DsnAction::failed);
  EXPECT_EQ(first.status, (StatusCode{4, 0, 0}));
  EXPECT_EQ(first.diagnostic->type, "smtp");
  EXPECT_EQ(status->recipients[1].action, DsnAction::delayed);
  EXPECT_EQ(print(*status), kFull);
}

TEST(Dsn, CaseBlanksCommentsAndFoldsDoNotMatter) {
  const auto status = parse_delivery_status(
      "\r\nreporting-mta:DNS;\r\n mx.here.test\r\n\r\n\r\n"
      "FINAL-RECIPIENT: (who) RFC822 (type) ;  a@b  \r\n"
      "Action: (so) Failed (alas)\r\nStatus: 5.1.1 (no (such) user)\r\n\r\n");
  ASSERT_TRUE(status) << status.error().text;
  EXPECT_EQ(print(*status),
            "Reporting-MTA: dns; mx.here.test\n\nFinal-Recipient: rfc822; a@b\nAction: failed\n"
            "Status: 5.1.1\n");
}

TEST(Dsn, WhatMustBeThereIsMissed) {
  EXPECT_EQ(fault(""), "0: no fields");
  EXPECT_EQ(fault("\n\n"), "0: no fields");
  EXPECT_EQ(fault(kMessage), "23: no recipient");
  EXPECT_EQ(fault("X: y\n\n" + std::string(kRecipient)), "0: no Reporting-MTA");
  EXPECT_EQ(recipient_fault(kRecipient), "read");
  EXPECT_EQ(recipient_fault("Action: failed\nStatus: 5.0.0\n"), "23: no Final-Recipient");
  EXPECT_EQ(recipient_fault("Final-Recipient: rfc822; b\nStatus: 5.0.0\n"), "23: no Action");
  EXPECT_EQ(recipient_fault("Final-Recipient: rfc822; b\nAction: failed\n"), "23: no Status");
}

TEST(Dsn, BadValuesAreNamed) {
  EXPECT_EQ(fault("Reporting-MTA: mx\n\n"s + std::string(kRecipient)),
            "0: Reporting-MTA: want a type, \";\" and a value");
  EXPECT_EQ(fault("Reporting-MTA: (dns; mx\n\n"s + std::string(kRecipient)),
            "0: Reporting-MTA: want a type, \";\" and a value");
  EXPECT_EQ(fault("Reporting-MTA: dns; a\nReporting-MTA: dns; b\n\n"s + std::string(kRecipient)),
            "22: Reporting-MTA: given twice");
  EXPECT_EQ(recipient_fault("Action: lost\n"),
            "23: Action: want failed, delayed, delivered, relayed or expanded");
  EXPECT_EQ(recipient_fault("Action: failed now\n"),
            "23: Action: want failed, delayed, delivered, relayed or expanded");
  for (const char* bad : {"Status: 5.1\n", "Status: 3.0.0\n", "Status:\n", "Status: 5.1.1 (x\n"}) {
    EXPECT_EQ(recipient_fault(bad), "23: Status: want three numbers with dots between") << bad;
  }
  for (const char* twice :
       {"Action: failed\nAction: failed\n", "Status: 5.0.0\nStatus: 5.0.0\n",
        "Remote-MTA: dns; a\nRemote-MTA: dns; a\n", "Final-Log-ID: 1\nFinal-Log-ID: 1\n",
        "Final-Recipient: a; b\nFinal-Recipient: a; b\n"}) {
    EXPECT_NE(recipient_fault(twice).find("given twice"), std::string::npos) << twice;
  }
  EXPECT_EQ(recipient_fault("Remote-MTA: x\n"), "23: Remote-MTA: want a type, \";\" and a value");
  EXPECT_EQ(recipient_fault("what is this\n"), "23: a line that is no field");
  EXPECT_EQ(recipient_fault("A: b\nwhat\n"), "28: a line that is no field");
}

TEST(Dsn, EverythingIsBounded) {
  const std::string two =
      std::string(kMessage) + std::string(kRecipient) + "\n" + std::string(kRecipient);
  EXPECT_EQ(fault(two, {.recipients = 2}), "read");
  EXPECT_EQ(fault(two, {.recipients = 1}).substr(2), ": too many recipients");
  EXPECT_EQ(fault(two, {.fields = 2}).substr(2), ": too many fields");
  EXPECT_EQ(fault(two, {.value_octets = 5}), "0: a field that is too long");
  EXPECT_EQ(fault(std::string(257, 'x') + ": y\n\n" + two), "0: a field name that is too long");
}

TEST(Dsn, NoValueBeginsAnotherLine) {
  DsnMessage message{.reporting_mta = {"dns", "a\nb"}};
  message.others = {{"X-Id", "1\r\nX-Evil: 2"}, {"Bad Name", "x"}, {"", "x"}, {"X:Y", "z"}};
  EXPECT_EQ(print(message), "Reporting-MTA: dns; a b\nX-Id: 1  X-Evil: 2\n");
  DsnRecipient recipient{.final = {"rfc822", "a@b"}};
  recipient.diagnostic = TypedText{"smtp", "550 \0\x1b\xff no\n\n.\n"s};
  EXPECT_EQ(print(recipient),
            "Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.0.0\n"
            "Diagnostic-Code: smtp; 550   ??? no  .\n");
}

TEST(Dsn, AFieldWithALongNameIsNotLost) {
  const std::string name(256, '\\');
  const std::string text = std::string(kMessage) + std::string(kRecipient) + name + ": x\n";
  auto status = parse_delivery_status(text);
  ASSERT_TRUE(status) << status.error().text;
  ASSERT_EQ(status->recipients[0].others.size(), 1u);
  EXPECT_EQ(print(status->recipients[0]).substr(std::string(kRecipient).size()), name + ": x\n");
  auto again = parse_delivery_status(print(*status));
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->recipients[0].others, status->recipients[0].others);
}

TEST(Dsn, LongValuesAreFolded) {
  DsnRecipient recipient{.final = {"rfc822", "a@b"}};
  std::string text = "550";
  for (int i = 0; i < 30; ++i) text += " sorry";
  recipient.diagnostic = TypedText{"smtp", text};
  const std::string out = print(recipient);
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find('\n', at);
    EXPECT_LE(end - at, 78u);
    at = end + 1;
  }
  const auto again = parse_delivery_status(std::string(kMessage) + out);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->recipients[0].diagnostic->text, text);
}

TEST(Dsn, Utf8AddressesAreCodedInAscii) {
  DsnRecipient recipient{.final = {"utf-8", "\xce\xb4@b\xc3\xbc.test"}};
  recipient.remote_mta = TypedText{"dns", "b\xc3\xbc.test"};
  EXPECT_EQ(print(recipient),
            "Final-Recipient: utf-8; \\x{3B4}@b\\x{FC}.test\nAction: failed\nStatus: 5.0.0\n"
            "Remote-MTA: dns; b??.test\n");
  EXPECT_EQ(print(recipient, DsnForm::global),
            "Final-Recipient: utf-8; \xce\xb4@b\xc3\xbc.test\nAction: failed\nStatus: 5.0.0\n"
            "Remote-MTA: dns; b\xc3\xbc.test\n");
}

TEST(Dsn, Utf8AddressesAreCodedAndDecoded) {
  EXPECT_EQ(encode_utf8_address("a@x.test"), "a@x.test");
  EXPECT_EQ(encode_utf8_address("a b+c=d\\"), "a\\x{20}b\\x{2B}c\\x{3D}d\\x{5C}");
  EXPECT_EQ(encode_utf8_address("\xf0\x9f\x90\xac"), "\\x{1F42C}");
  EXPECT_EQ(encode_utf8_address("\xff"), "\\x{FFFD}");
  EXPECT_EQ(decode_utf8_address("\\x{3B4}@\\x{fc}"), "\xce\xb4@\xc3\xbc");
  EXPECT_EQ(decode_utf8_address("\xce\xb4"), "\xce\xb4");
  for (const char* bad : {"\\", "\\x", "\\x{", "\\x{}", "\\x{3B4", "\\x{G}", "\\x{110000}",
                          "\\x{D800}", "\\x{0003B40}", "\\y{3B4}"}) {
    EXPECT_EQ(decode_utf8_address(bad), std::nullopt) << bad;
  }
}

TEST(Dsn, OriginalRecipientsAreDecoded) {
  const auto shown = [](std::string_view orcpt) {
    const auto value = original_recipient(orcpt);
    return value ? fmt::format("{}; {}", value->type, value->text) : "none";
  };
  EXPECT_EQ(shown("rfc822;a+2Bb@x.test"), "rfc822; a+b@x.test");
  EXPECT_EQ(shown("RFC822;MiXeD@x.test"), "rfc822; MiXeD@x.test");
  EXPECT_EQ(shown("utf-8;\\x{3B4}@x.test"), "utf-8; \xce\xb4@x.test");
  EXPECT_EQ(shown("utf-8;\xce\xb4@x.test"), "utf-8; \xce\xb4@x.test");
  EXPECT_EQ(shown("utf-8;\\x{bad@x.test"), "utf-8; \\x{bad@x.test");
  EXPECT_EQ(shown("rfc822;a+0Ab"), "none");
  EXPECT_EQ(shown("nonsense"), "none");
}

TEST(Dsn, ActionsHaveNames) {
  EXPECT_EQ(action_name(DsnAction::relayed), "relayed");
  EXPECT_EQ(action_name(DsnAction::expanded), "expanded");
}

}  // namespace
}  // namespace porpoise::mail
