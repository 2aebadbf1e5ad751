#include "send/notice.h"

#include <gtest/gtest.h>

namespace porpoise::send {
namespace {

NoticeAbout sample() {
  NoticeAbout about;
  about.id = "01notice";
  about.about = "01message";
  about.host = "mx.here.test";
  about.from = "MAILER-DAEMON@here.test";
  about.to = "alice smith@here.test";
  about.sender = "alice smith@here.test";
  about.now_us = 1'795'257'900'000'000;
  about.arrival_us = 1'794'653'100'000'000;
  about.header = "Received: x\nMessage-ID: <1@x>\nSubject: hi\n";
  return about;
}

std::string whole(const NoticeAbout& about, const std::vector<Failure>& failures) {
  std::string text = notice_beginning(about);
  for (const Failure& f : failures) text += failure_paragraph(f);
  text += notice_middle(about);
  for (const Failure& f : failures) text += failure_status(f);
  return text + notice_end(about);
}

TEST(Notice, IsAReportWithQsbmfTextStatusAndHeader) {
  EXPECT_EQ(whole(sample(), {{"bob@here.test", "no mailbox here by that name. (#5.1.1)\n"},
                             {"carl@here.test", "gave up"}}),
            R"(Date: 21 Nov 2026 10:45:00 -0000
From: MAILER-DAEMON@here.test
To: "alice smith"@here.test
Subject: failure notice
Message-ID: <01notice@mx.here.test>
In-Reply-To: <1@x>
MIME-Version: 1.0
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status;
 boundary="=_porpoise_01notice"
Content-Transfer-Encoding: 7bit

--=_porpoise_01notice
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

Hi. This is the porpoise-send program at mx.here.test.
Your message could not be delivered to the addresses below, and will not be
tried again. After each address stands the reason.

<bob@here.test>:
no mailbox here by that name. (#5.1.1)

<carl@here.test>:
gave up

--- Below this line is the header of the message.

--=_porpoise_01notice
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.here.test
X-Porpoise-Id: 01message
Arrival-Date: 14 Nov 2026 10:45:00 -0000

Final-Recipient: rfc822; bob@here.test
Action: failed
Status: 5.1.1
Diagnostic-Code: X-Porpoise; no mailbox here by that name. (#5.1.1)

Final-Recipient: rfc822; carl@here.test
Action: failed
Status: 5.0.0
Diagnostic-Code: X-Porpoise; gave up

--=_porpoise_01notice
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Return-Path: <"alice smith"@here.test>
Received: x
Message-ID: <1@x>
Subject: hi

--=_porpoise_01notice--
)");
}

TEST(Notice, OfANoticeSaysSo) {
  NoticeAbout about = sample();
  about.is_double = true;
  about.eight_bit = true;
  about.header_cut = true;
  about.header = "Subject: x";
  const std::string text = whole(about, {});
  EXPECT_NE(text.find("A message without a sender, most likely a notice"), std::string::npos);
  EXPECT_EQ(text.find("In-Reply-To"), std::string::npos);
  EXPECT_EQ(text.find("7bit"), std::string::npos);
  EXPECT_NE(text.find("Subject: x\nX-Porpoise-Notice: the rest of the header is left out\n"),
            std::string::npos);
}

TEST(Notice, GoesToTheSenderElseToThePostmaster) {
  const auto whom = [](const char* sender) {
    const NoticeEnvelope e = notice_envelope(sender, "postmaster@h");
    return e.sender + " -> " + e.recipient + (e.is_double ? " double" : "");
  };
  EXPECT_EQ(whom("a@b"), " -> a@b");
  EXPECT_EQ(whom("own-@h-@[]"), " -> own-@h");
  EXPECT_EQ(whom(""), "#@[] -> postmaster@h double");
  EXPECT_EQ(whom("-@[]"), "#@[] -> postmaster@h double");
}

TEST(Notice, ALineEndInAnAddressBeginsNoField) {
  NoticeAbout about = sample();
  about.to = about.sender = "a\nBcc: evil@x";
  const std::string text = whole(about, {{"b\r\nBcc: evil@x", "no"}});
  EXPECT_NE(text.find("\nTo: \"a_Bcc: evil\"@x\n"), std::string::npos);
  EXPECT_NE(text.find("\nReturn-Path: <\"a_Bcc: evil\"@x>\n"), std::string::npos);
  EXPECT_NE(text.find("\nFinal-Recipient: rfc822; \"b__Bcc: evil\"@x\n"), std::string::npos);
  EXPECT_EQ(text.find("\nBcc"), std::string::npos);
}

// ---- QSBMF

TEST(Notice, ParagraphsHaveNoEmptyLineInside) {
  EXPECT_EQ(failure_paragraph({"a@b", "x\n\n\ny"}), "<a@b>:\nx\n//y\n\n");
  EXPECT_EQ(failure_paragraph({"a@b", "\n\nx\n\n\n"}), "<a@b>:\nx\n\n");
  EXPECT_EQ(failure_paragraph({"a@b", "x\r\n\r\ny\r\n"}), "<a@b>:\nx\n/y\n\n");
  EXPECT_EQ(failure_paragraph({"a@b", ""}), "<a@b>:\n\n\n");
}

TEST(Notice, WhatComesFromOutsideCannotBreakTheParagraph) {
  EXPECT_EQ(failure_paragraph({"a\n<x>:@b", std::string("a\0b\x1b[1m\x7f", 8)}),
            "<a_<x>:@b>:\na?b?[1m?\n\n");
  EXPECT_EQ(failure_paragraph({"\xff@b", "caf\xe9"}), "<?@b>:\ncaf?\n\n");
  EXPECT_EQ(failure_paragraph({"ü@b", "café"}), "<ü@b>:\ncafé\n\n");
}

TEST(Notice, LongLinesAreBrokenButNeverACharacter) {
  const std::string text = failure_paragraph({"a@b", std::string(899, 'x') + "éé" + "yz"});
  EXPECT_EQ(text, "<a@b>:\n" + std::string(899, 'x') + "é\néyz\n\n");
}

// ---- delivery-status

TEST(Notice, StatusFieldsAreOneLineOfAscii) {
  const std::string status = failure_status({"ü x@b", "one\r\n\r\ntwo\tthree \x01 é (#4.4.7)\n"});
  EXPECT_EQ(status,
            "\nFinal-Recipient: rfc822; \"?? x\"@b\nAction: failed\nStatus: 4.4.7\n"
            "Diagnostic-Code: X-Porpoise; one two three ? ?? (#4.4.7)\n");
}

TEST(Notice, ALongDiagnosticIsFoldedAndCut) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "word ";
  const std::string status = failure_status({"a@b", text});
  std::size_t longest = 0;
  std::size_t begin = 0;
  for (std::size_t end; (end = status.find('\n', begin)) != std::string::npos; begin = end + 1) {
    longest = std::max(longest, end - begin);
  }
  EXPECT_LE(longest, 78u);
  EXPECT_LT(status.size(), 1000u);
}

TEST(Notice, AStatusThatIsNoneOfTheStandardsIsUnknown) {
  EXPECT_EQ(failure_status({"a@b", "x (#5.01.1)"}),
            "\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.0.0\n"
            "Diagnostic-Code: X-Porpoise; x (#5.01.1)\n");
}

TEST(Notice, TheStatusCodeIsTheLastWholeOne) {
  EXPECT_EQ(status_code("a (#5.1.1) b"), "5.1.1");
  EXPECT_EQ(status_code("a (#5.1.1) b (#4.4.7)"), "4.4.7");
  EXPECT_EQ(status_code("(#2.0.0)"), "2.0.0");
  EXPECT_EQ(status_code("(#5.123.123)"), "5.123.123");
  for (const char* none :
       {"", "(#", "(#5", "(#5.", "(#5.1", "(#5.1.", "(#5.1.1", "(#3.1.1)", "(#55.1.1)",
        "(#5.1234.1)", "(#5.1.1.1)", "(#5..1)", "#5.1.1", "(5.1.1)", "(#5.1.x)"}) {
    EXPECT_EQ(status_code(none), "5.0.0") << none;
  }
}

// ---- the message's header

TEST(Notice, TheHeaderEndsAtTheEmptyLine) {
  EXPECT_EQ(header_of("A: 1\nB: 2\n\nbody\n"), "A: 1\nB: 2\n");
  EXPECT_EQ(header_of("A: 1\r\n\r\nbody"), "A: 1\r\n");
  EXPECT_EQ(header_of("\nbody"), "");
  EXPECT_EQ(header_of(""), "");
  EXPECT_EQ(header_of("A: 1\n"), "A: 1\n");
  EXPECT_EQ(header_of("A: 1\nB: cut off"), "A: 1\n");
  EXPECT_EQ(header_of("one endless line"), "");
}

TEST(Notice, OnlyAPlainMessageIdIsAnsweredTo) {
  EXPECT_EQ(plain_message_id("Subject: x\nMessage-Id:  <a.b@c>  \n"), "<a.b@c>");
  EXPECT_EQ(plain_message_id("MESSAGE-ID:\n <a@b>\n"), "<a@b>");
  EXPECT_EQ(plain_message_id("Message-ID: (x) <a@b> (y)\n"), "<a@b>");
  for (const char* bad : {"", "Subject: <a@b>\n", "Message-ID: a@b\n", "Message-ID: <a@b> <c@d>\n",
                          "Message-ID: <a b@c>\n", "Message-ID: <\xc3\xa9@b>\n", "Message-ID:\n",
                          "Message-ID: <a@b>\n <c@d>\n", "Resent-Message-ID: <a@b>\n"}) {
    EXPECT_EQ(plain_message_id(bad), "") << bad;
  }
  EXPECT_EQ(plain_message_id("Message-ID: <" + std::string(300, 'x') + "@b>\n"), "");
}

}  // namespace
}  // namespace porpoise::send
