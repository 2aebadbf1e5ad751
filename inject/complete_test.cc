#include "inject/complete.h"

#include <gtest/gtest.h>
#include <set>

#include "posix/clock.h"

namespace porpoise::inject {
namespace {

constexpr std::string_view kDate = "Date: 21 Nov 2026 04:19:54 -0000\n";
constexpr std::string_view kId =
    "Message-ID: <20261121041954.123456.4711.0000000000007@id.example.org>\n";
constexpr std::string_view kFrom = "From: Joe Doe <joe@mx.example.org>\n";
constexpr std::string_view kNotShown = "Cc: recipient list not shown: ;\n";

Settings joe() {
  Settings s;
  s.hosts = {"mx.example.org", "example.org", "org"};
  s.id_host = "id.example.org";
  s.user = "joe";
  s.name = "Joe Doe";
  s.wall_us = 1795234794123456;
  s.pid = 4711;
  s.random = 7;
  return s;
}

Outcome<Completed> completed(std::string_view text, const Job& job, const Settings& settings) {
  mail::HeaderReader reader;
  reader.feed(text);
  return complete(*std::move(reader).finish(), job, settings);
}

// "sender: recipient recipient" or "error CODE: text"
std::string envelope(std::string_view text, const Job& job = {}, const Settings& s = joe()) {
  const Outcome<Completed> done = completed(text, job, s);
  if (!done) {
    EXPECT_EQ(done.error().error.exit_code(), 100);
    return fmt::format("error {}: {}", sysexit(done.error()), done.error().error.text);
  }
  std::string line = done->envelope.sender + ":";
  for (const mail::Recipient& r : done->envelope.recipients) line.append(" ").append(r.address);
  return line;
}

std::string header(std::string_view text, const Job& job = {}, const Settings& s = joe()) {
  const Outcome<Completed> done = completed(text, job, s);
  return done ? done->header : fmt::format("error: {}", done.error().error.text);
}

std::string lines(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

Job to(std::vector<std::string> arguments,
       Recipients recipients = Recipients::arguments_or_header) {
  Job job;
  job.recipients = recipients;
  job.arguments = std::move(arguments);
  return job;
}

// ---- what is completed

TEST(Complete, AMessageOfTheLeastGetsAllItNeeds) {
  EXPECT_EQ(header("To: x\n"), lines({kDate, kId, kFrom, "To: x@mx.example.org\n"}));
  EXPECT_EQ(envelope("To: x\n"), "joe@mx.example.org: x@mx.example.org");
}

TEST(Complete, WhatIsThereIsKeptEvenIfItMakesNoSense) {
  const std::string_view text =
      "date: never\nMESSAGE-ID: none\nFrom: me@here.test\nCc: a@b.c\nSubject: x\n";
  EXPECT_EQ(header(text), text);
}

TEST(Complete, TheExampleOfTheReference) {
  EXPECT_EQ(envelope("To: x\nBcc: hid\n", to({"r1"}, Recipients::both)),
            "joe@mx.example.org: r1@mx.example.org x@mx.example.org hid@mx.example.org");
  EXPECT_EQ(header("To: x\nBcc: hid\n", to({"r1"}, Recipients::both)),
            lines({kDate, kId, kFrom, "To: x@mx.example.org\n"}));
}

TEST(Complete, WithoutToAndCcTheListIsNotShown) {
  EXPECT_EQ(header("Subject: x\n", to({"a"})),
            lines({kDate, kId, kFrom, kNotShown, "Subject: x\n"}));
  EXPECT_EQ(header("Bcc: a\n"), lines({kDate, kId, kFrom, kNotShown}));
  EXPECT_EQ(header("Apparently-To: a@b.c\n"),
            lines({kDate, kId, kFrom, kNotShown, "Apparently-To: a@b.c\n"}));
  EXPECT_EQ(header("Cc: a@b.c\n"), lines({kDate, kId, kFrom, "Cc: a@b.c\n"}));
}

TEST(Complete, HiddenAndForeignFieldsGo) {
  EXPECT_EQ(header("To: a@b.c\nBcc: x,\n y\nbcc:\nContent-Length: 5\nReturn-Path: <z@y.x>\n"
                   "Resent-Bcc: q\nReceived: kept\n"),
            "Resent-Date: 21 Nov 2026 04:19:54 -0000\n"
            "Resent-Message-ID: <20261121041954.123456.4711.0000000000007@id.example.org>\n"
            "Resent-From: Joe Doe <joe@mx.example.org>\n"
            "Resent-Cc: recipient list not shown: ;\n"
            "To: a@b.c\nReceived: kept\n");
  EXPECT_EQ(header("To: a@b.c\nBcc: x\nContent-Length: 5\nReturn-Path: <z@y.x>\n"),
            lines({kDate, kId, kFrom, "To: a@b.c\n"}));
}

TEST(Complete, OnlyFieldsThatHadToChangeArePrintedAnew) {
  EXPECT_EQ(header("To:a@b.c ,   d@e.f\nCC :  g@h ,\n\ti@j.k\nReply-To: me\nErrors-To: \"x\" <y>\n"
                   "Subject: To: who, \"cares\" (\n"),
            lines({kDate, kId, kFrom, "To:a@b.c ,   d@e.f\nCC: g@h.example.org, i@j.k\n",
                   "Reply-To: me@mx.example.org\nErrors-To: \"x\" <y@mx.example.org>\n",
                   "Subject: To: who, \"cares\" (\n"}));
}

TEST(Complete, AnMboxSeparatorBecomesAField) {
  EXPECT_EQ(header("From joe Sat\nTo: a@b.c\n"),
            lines({kDate, kId, kFrom, "MBOX-Line: From joe Sat\nTo: a@b.c\n"}));
}

TEST(Complete, ALineTooLongForSmtpIsPrintedAnew) {
  std::string list = "a@b.c";
  while (list.size() < 990) list += ",a@b.c";
  const std::string fits = "To:" + list + "\n";
  ASSERT_EQ(fits.size(), 998u + 1);
  EXPECT_EQ(header(fits), lines({kDate, kId, kFrom, fits}));
  const std::string folded = "To:" + list.substr(6) + ",\n " + list + "\n";
  EXPECT_EQ(header(folded), lines({kDate, kId, kFrom, folded}));
  const std::string text = header("To:" + list + ",d@e.f\n");
  EXPECT_NE(text.find("To: a@b.c, a@b.c, a@b.c"), std::string::npos);
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t lf = text.find('\n', at);
    longest = std::max(longest, lf - at);
    at = lf + 1;
  }
  EXPECT_EQ(longest, 78u);
}

TEST(Complete, AFromThatNamesNobodyCountsAsAbsent) {
  for (const char* from : {"From:\n", "From: \n", "From: <>\n", "From: ()\n", "From: ,\n"}) {
    EXPECT_EQ(header(fmt::format("To: a@b.c\n{}", from)),
              lines({kDate, kId, kFrom, "To: a@b.c\n"}));
  }
  EXPECT_EQ(header("To: a@b.c\nFrom: Anybody: ;\nSender: <>\n"),
            lines({kDate, kId, "Sender: Joe Doe <joe@mx.example.org>\n",
                   "To: a@b.c\nFrom: Anybody: ;\n"}));
}

TEST(Complete, SeveralAuthorsNeedASender) {
  const std::string_view text = "To: a@b.c\nFrom: x@y.z, v@w.x\n";
  EXPECT_EQ(header(text), lines({kDate, kId, "Sender: Joe Doe <joe@mx.example.org>\n", text}));
  const std::string with = lines({"Sender: s@t.u\n", text});
  EXPECT_EQ(header(with), lines({kDate, kId, with}));
  Job data = to({"a@b.c"});
  data.header_is_data = true;
  EXPECT_EQ(header(text, data), lines({kDate, kId, text}));
  EXPECT_EQ(header("Resent-To: a@b.c\nResent-From: x@y.z, v@w.x\nFrom: 1@y.z, 2@y.z\n"),
            "Resent-Date: 21 Nov 2026 04:19:54 -0000\n"
            "Resent-Message-ID: <20261121041954.123456.4711.0000000000007@id.example.org>\n"
            "Resent-Sender: Joe Doe <joe@mx.example.org>\n"
            "Resent-To: a@b.c\nResent-From: x@y.z, v@w.x\nFrom: 1@y.z, 2@y.z\n");
}

TEST(Complete, ASenderIsOne) {
  EXPECT_EQ(envelope("To: a@b.c\nSender: x@y.z, v@w.x\n"),
            "error 65: Sender: octet 16: a second sender: \"v@w.x\"");
  Job data = to({"a@b.c"});
  data.header_is_data = true;
  EXPECT_EQ(envelope("Sender: x@y.z, v@w.x\n", data), "joe@mx.example.org: a@b.c");
  EXPECT_EQ(envelope("Resent-To: a@b.c\nSender: x@y.z, v@w.x\n"), "joe@mx.example.org: a@b.c");
}

TEST(Complete, FieldsForAnswersAreCompletedWhereTheyCanBeRead) {
  EXPECT_EQ(header("To: a@b.c\nMail-Reply-To: joe\nMail-Followup-To: list@x, joe\n"),
            lines({kDate, kId, kFrom, "To: a@b.c\nMail-Reply-To: joe@mx.example.org\n",
                   "Mail-Followup-To: list@x.example.org, joe@mx.example.org\n"}));
  const std::string_view broken = "To: a@b.c\nMail-Reply-To: <a\nMail-Followup-To: <b\n";
  EXPECT_EQ(header(broken), lines({kDate, kId, kFrom, broken}));
}

// R822-4.6.1-msgid-unique R5322-3.6.4-msgid-syntax
TEST(Complete, MessagesOfOneMomentAndProcessHaveDifferentIds) {
  Settings s = joe();
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) {
    s.random = posix::random_bits();
    const std::string text = header("To: a@b.c\nDate: x\nFrom: y@z\n", {}, s);
    const std::string id = text.substr(12, text.find('\n') - 12);
    ASSERT_TRUE(id.starts_with("<20261121041954.123456.4711.")) << id;
    ASSERT_TRUE(id.ends_with("@id.example.org>")) << id;
    ASSERT_EQ(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.@<>"), id.npos) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 10'000u);
}

// ---- recipients

TEST(Complete, RecipientsComeInWrittenOrder) {
  EXPECT_EQ(envelope("Cc: c@x.y, d@x.y\nTo: a@x.y, g: b@x.y, c@x.y;\nBcc: e@x.y\n"
                     "Apparently-To: f@x.y\nTo: h@x.y\n"),
            "joe@mx.example.org: c@x.y d@x.y a@x.y b@x.y c@x.y e@x.y f@x.y h@x.y");
}

TEST(Complete, TheOptionsTellWhereRecipientsComeFrom) {
  const std::string_view text = "To: h@x.y\n";
  const std::vector<std::string> args = {"b@x.y", "a"};
  EXPECT_EQ(envelope(text, to(args, Recipients::arguments)),
            "joe@mx.example.org: b@x.y a@mx.example.org");
  EXPECT_EQ(envelope(text, to(args, Recipients::header)), "joe@mx.example.org: h@x.y");
  EXPECT_EQ(envelope(text, to(args)), "joe@mx.example.org: b@x.y a@mx.example.org");
  EXPECT_EQ(envelope(text, to({})), "joe@mx.example.org: h@x.y");
  EXPECT_EQ(envelope(text, to(args, Recipients::both)),
            "joe@mx.example.org: b@x.y a@mx.example.org h@x.y");
}

TEST(Complete, NobodyToSendToIsAnError) {
  EXPECT_EQ(envelope("Subject: x\n"),
            "error 64: no recipients: the message names none in To, Cc or Bcc");
  EXPECT_EQ(envelope("To: undisclosed-recipients:;\n"),
            "error 64: no recipients: the message names none in To, Cc or Bcc");
  EXPECT_EQ(envelope("To: a@b.c\n", to({}, Recipients::arguments)),
            "error 64: no recipients: none were named");
  EXPECT_EQ(
      envelope("To: a@b.c\nResent-From: x@y.z\n"),
      "error 64: no recipients: the message names none in Resent-To, Resent-Cc or Resent-Bcc");
}

TEST(Complete, NobodyToSendToMayBeFine) {
  Job job = to({});
  job.nobody_is_fine = true;
  EXPECT_EQ(envelope("Subject: x\n", job), "joe@mx.example.org:");
  EXPECT_EQ(envelope("Bcc: <b\n", job),
            "error 65: Bcc: octet 6: no \">\" closes this \"<\": \"<b\"");
}

TEST(Complete, ARecipientFieldThatCannotBeReadStopsAll) {
  EXPECT_EQ(envelope("To: x, grp: a, g2: b;;, z\n"),
            "error 65: To: octet 18: a group inside a group: \": b;;, z\"");
  EXPECT_EQ(envelope("To: x\nBcc: a, <b\n"),
            "error 65: Bcc: octet 9: no \">\" closes this \"<\": \"<b\"");
  EXPECT_EQ(envelope("To: x\ncC : (\n"),
            "error 65: cC: octet 6: no \")\" closes this comment: \"(\"");
  EXPECT_EQ(envelope("To: x, <>\n"), "error 65: To: octet 8: \"<>\" names nobody");
}

TEST(Complete, ARecipientFieldThatIsNotNeededMayBeUnreadable) {
  const std::string_view text = "To: <a\nBcc: <b\n";
  EXPECT_EQ(envelope(text, to({"x@y.z"})), "joe@mx.example.org: x@y.z");
  EXPECT_EQ(header(text, to({"x@y.z"})), lines({kDate, kId, kFrom, "To: <a\n"}));
  EXPECT_EQ(envelope("To: <>\n", to({"x@y.z"})), "joe@mx.example.org: x@y.z");
}

TEST(Complete, ASenderFieldThatCannotBeReadStopsAllUnlessTheMessageIsData) {
  EXPECT_EQ(envelope("From: <a\n", to({"x@y.z"})),
            "error 65: From: octet 7: no \">\" closes this \"<\": \"<a\"");
  Job job = to({"x@y.z"}, Recipients::arguments);
  job.header_is_data = true;
  EXPECT_EQ(header("From: <a\n", job), lines({kDate, kId, kNotShown, "From: <a\n"}));
}

// ---- arguments

TEST(Complete, AnArgumentIsOneAddressInEnvelopeForm) {
  EXPECT_EQ(envelope("", to({"a, b"})), "joe@mx.example.org: a, b@mx.example.org");
  EXPECT_EQ(envelope("", to({"joe+"})), "joe@mx.example.org: joe+@mx.example.org");
  EXPECT_EQ(envelope("", to({"a@b@cs+"})), "joe@mx.example.org: a@b@cs.org");
  EXPECT_EQ(envelope("", to({"a@b.c."})), "joe@mx.example.org: a@b.c");
  EXPECT_EQ(envelope("", to({"a@"})), "joe@mx.example.org: a@mx.example.org");
  EXPECT_EQ(envelope("", to({"a b@[1.2.3.4]"})), "joe@mx.example.org: a b@[1.2.3.4]");
}

TEST(Complete, AnArgumentThatIsNoAddressIsRefused) {
  EXPECT_EQ(envelope("", to({"a", ""})), "error 65: a recipient argument is empty");
  EXPECT_EQ(envelope("", to({"<x@y>"})),
            "error 65: recipient \"<x@y>\": \"y>.example.org\" is no host name: an octet that "
            "cannot stand there");
  EXPECT_EQ(envelope("", to({"x@y(z)"})),
            "error 65: recipient \"x@y(z)\": \"y(z).example.org\" is no host name: an octet that "
            "cannot stand there");
  EXPECT_EQ(envelope("", to({"x@y..z"})),
            "error 65: recipient \"x@y..z\": \"y..z\" is no host name: an empty part");
  EXPECT_EQ(envelope("", to({"x\ny@z"})),
            "error 65: recipient \"x\ny@z\": a line end inside an address");
}

TEST(Complete, ForSendmailAnArgumentMayBeWrittenAsInAHeader) {
  Job job = to({"<a@b.c>", "d, e@f.g", "Joe <h@i.j>", "plain@k.l", "\"o p\"@q.r"});
  job.arguments_are_lists = true;
  EXPECT_EQ(envelope("", job),
            "joe@mx.example.org: a@b.c d@mx.example.org e@f.g h@i.j plain@k.l o p@q.r");
  job.arguments = {"a@b.c", "<d"};
  EXPECT_EQ(envelope("", job),
            "error 65: recipient \"<d\": octet 1: no \">\" closes this \"<\": \"<d\"");
  job.arguments = {"<>"};
  EXPECT_EQ(envelope("", job), "error 65: recipient \"<>\" names nobody");
  job.arguments = {"()"};
  EXPECT_EQ(envelope("", job), "error 65: recipient \"()\" names nobody");
}

// ---- the envelope sender

TEST(Complete, TheSenderIsTheOptionThenReturnPathThenTheCaller) {
  Job job = to({"a@b.c"});
  EXPECT_EQ(envelope("", job), "joe@mx.example.org: a@b.c");
  EXPECT_EQ(envelope("Return-Path: <x@y>\nReturn-Path: <z@y>\n", job), "x@y.example.org: a@b.c");
  EXPECT_EQ(envelope("Return-Path: <>\n", job), ": a@b.c");
  EXPECT_EQ(envelope("Return-Path:\nReturn-Path: <z@y.x>\n", job), "z@y.x: a@b.c");
  job.sender = "f@x.y";
  EXPECT_EQ(envelope("Return-Path: <r@y>\n", job), "f@x.y: a@b.c");
  EXPECT_EQ(envelope("Return-Path: <r@y\n", job), "f@x.y: a@b.c");
  job.sender = "root";
  EXPECT_EQ(envelope("", job), "root@mx.example.org: a@b.c");
  job.sender = "";
  EXPECT_EQ(envelope("Return-Path: <r@y>\n", job), ": a@b.c");
  job.sender = "list-@x.y-@[]";
  EXPECT_EQ(envelope("", job), "list-@x.y-@[]: a@b.c");
}

TEST(Complete, ASenderThatIsNoAddressIsRefused) {
  Job job = to({"a@b.c"});
  job.sender = "x@y z";
  EXPECT_EQ(envelope("", job),
            "error 65: sender \"x@y z\": \"y z.example.org\" is no host name: an octet that cannot "
            "stand there");
  job.sender = "a\nb@c";
  EXPECT_EQ(envelope("", job), "error 65: sender \"a\nb@c\": a line end inside an address");
  EXPECT_EQ(envelope("Return-Path: <a\n", to({"a@b.c"})),
            "error 65: Return-Path: octet 14: no \">\" closes this \"<\": \"<a\"");
}

TEST(Complete, TheEnvironmentMayNameAnotherSender) {
  Settings s = joe();
  s.host = "elsewhere";
  EXPECT_EQ(envelope("", to({"a@b.c"}), s), "joe@elsewhere.example.org: a@b.c");
  s.sender_user = "bounces";
  EXPECT_EQ(envelope("", to({"a@b.c"}), s), "bounces@elsewhere.example.org: a@b.c");
  s.sender_host = "b.test";
  EXPECT_EQ(envelope("", to({"a@b.c"}), s), "bounces@b.test: a@b.c");
}

TEST(Complete, TheLettersMakeVerpSenders) {
  Settings s = joe();
  s.letters.message_verp = true;
  EXPECT_EQ(envelope("", to({"a@b.c"}), s), "joe-1795234794.4711@mx.example.org: a@b.c");
  s.letters.recipient_verp = true;
  EXPECT_EQ(envelope("", to({"a@b.c"}), s), "joe-1795234794.4711-@mx.example.org-@[]: a@b.c");
  EXPECT_EQ(envelope("Return-Path: <x@y.z>\n", to({"a@b.c"}), s), "x@y.z-@[]: a@b.c");
  EXPECT_EQ(envelope("Return-Path: <>\n", to({"a@b.c"}), s), ": a@b.c");
  Job job = to({"a@b.c"});
  job.sender = "f@g.h";
  EXPECT_EQ(envelope("", job, s), "f@g.h: a@b.c");
}

TEST(Complete, TheLettersDeleteAndIgnore) {
  Settings s = joe();
  s.letters.ignore_return_path = true;
  EXPECT_EQ(envelope("Return-Path: <r@y.z\n", to({"a@b.c"}), s), "joe@mx.example.org: a@b.c");
  s.letters.delete_from = true;
  s.letters.delete_message_id = true;
  EXPECT_EQ(header("To: a@b.c\nFrom: <x\nMessage-ID: <y>\n", {}, s),
            lines({kDate, kId, kFrom, "To: a@b.c\n"}));
}

TEST(Complete, NothingIsDeletedFromAMessageOfSomebodyElse) {
  Settings s = joe();
  s.letters.delete_from = true;
  s.letters.delete_message_id = true;
  const std::string_view text =
      "Resent-To: a@b.c\nResent-From: r@b.c\nResent-Date: d\nResent-Message-ID: <i@j.k>\n"
      "From: x@y.z\nMessage-ID: <1@y.z>\n";
  EXPECT_EQ(header(text, {}, s), text);
}

// ---- From

TEST(Complete, AFromIsQuotedAsItMustBe) {
  Settings s = joe();
  const auto from = [&] {
    const std::string text = header("To: a@b.c\nDate:\nMessage-ID:\n", {}, s);
    return text.substr(0, text.find("\nTo: "));
  };
  s.name = "Joe Q. Doe";
  EXPECT_EQ(from(), "From: \"Joe Q. Doe\" <joe@mx.example.org>");
  s.name = "";
  EXPECT_EQ(from(), "From: joe@mx.example.org");
  s.name = "J\xc3\xb6";
  EXPECT_EQ(from(), "From: =?utf-8?q?J=C3=B6?= <joe@mx.example.org>");
  s.name = "x\nBcc: victim@x.y\n\nbody";
  EXPECT_EQ(from(), "From: \"x Bcc: victim@x.y  body\" <joe@mx.example.org>");
  s.letters.comment_from = true;
  EXPECT_EQ(from(), "From: joe@mx.example.org (x Bcc: victim@x.y  body)");
  s.name = "a) b";
  s.user = "j d";
  EXPECT_EQ(from(), "From: \"j d\"@mx.example.org (a\\) b)");
}

TEST(Complete, AFromMayHoldUtf8AsItIs) {
  Settings s = joe();
  const auto from = [&] {
    const std::string text = header("To: a@b.c\nDate:\nMessage-ID:\n", {}, s);
    return text.substr(0, text.find("\nTo: "));
  };
  s.letters.utf8_names = true;
  s.name = "J\xc3\xb6 D.";
  EXPECT_EQ(from(), "From: \"J\xc3\xb6 D.\" <joe@mx.example.org>");
  s.name = "\xff";  // is none
  EXPECT_EQ(from(), "From: =?unknown-8bit?b?/w==?= <joe@mx.example.org>");
  s.letters.comment_from = true;
  s.name = "J\xc3\xb6) (\n\\";
  EXPECT_EQ(from(), "From: joe@mx.example.org (J\xc3\xb6\\) \\( \\\\)");
}

TEST(Complete, ALongNameIsCutBetweenCharacters) {
  Settings s = joe();
  s.letters.utf8_names = true;
  s.name = std::string(kLongestName - 1, 'x') + "\xc3\xb6";
  const std::string text = header("To: a@b.c\nDate:\nMessage-ID:\n", {}, s);
  EXPECT_EQ(text.substr(0, text.find("\nTo: ")),
            fmt::format("From: {}\n  <joe@mx.example.org>", std::string(kLongestName - 1, 'x')));
}

TEST(Complete, ThePasswordFileIsAskedOnlyWhereNothingElseSays) {
  int asked = 0;
  Settings s = joe();
  s.account = [&] { return ++asked, Account{"jane", "Jane Roe"}; };
  EXPECT_EQ(envelope("To: a@b.c\n", {}, s), "joe@mx.example.org: a@b.c");
  s.name.reset();
  EXPECT_EQ(envelope("To: a@b.c\nFrom: x@y.z\n", {}, s), "joe@mx.example.org: a@b.c");
  EXPECT_EQ(asked, 0);
  // A name of another account is not joe's.
  EXPECT_NE(header("To: a@b.c\n", {}, s).find("From: joe@mx.example.org\n"), std::string::npos);
  EXPECT_EQ(asked, 1);
  s.user.reset();
  EXPECT_NE(header("To: a@b.c\n", {}, s).find("From: Jane Roe <jane@mx.example.org>\n"),
            std::string::npos);
  EXPECT_EQ(asked, 2);
  s.account = nullptr;
  EXPECT_EQ(envelope("To: a@b.c\n", {}, s), "anonymous@mx.example.org: a@b.c");
}

// ---- resent messages

TEST(Complete, EachOfTheEightFieldsMakesAMessageResent) {
  for (const char* field : {"Sender: a@b.c", "From: a@b.c", "Reply-To: a@b.c", "To: a@b.c",
                            "Cc: a@b.c", "Bcc: a@b.c", "Date: x", "Message-ID: x"}) {
    const std::string text = header(fmt::format("Resent-{}\n", field), to({"r@x.y"}));
    EXPECT_EQ(text.find("\nDate:"), std::string::npos) << text;
    EXPECT_EQ(text.find("\nFrom:"), std::string::npos) << text;
    EXPECT_EQ(text.find("\nCc:"), std::string::npos) << text;
    EXPECT_NE(text.find("Resent-Date: "), std::string::npos) << text;
    EXPECT_NE(text.find("Resent-Message-ID: "), std::string::npos) << text;
    EXPECT_NE(text.find("Resent-From: "), std::string::npos) << text;
  }
}

TEST(Complete, AResentMessageGoesToItsResentFieldsOnly) {
  EXPECT_EQ(envelope("To: a@x.y\nCc: <broken\nBcc: b@x.y\nResent-To: c@x.y\nResent-Cc: d\n"
                     "Resent-Bcc: e@x.y\n"),
            "joe@mx.example.org: c@x.y d@mx.example.org e@x.y");
}

TEST(Complete, AResentMessageMayHaveAnUnreadableOriginal) {
  const std::string_view text =
      "From: <x\nTo: <y\nResent-To: c@x.y\nResent-From: me@x.y\n"
      "Resent-Date: d\nResent-Message-ID: i\n";
  EXPECT_EQ(header(text), text);
  EXPECT_EQ(envelope("From: x\nResent-To: c@x.y\nResent-From: <\n"),
            "error 65: Resent-From: octet 14: no \">\" closes this \"<\": \"<\"");
}

TEST(Complete, OnlyTheNewestResentBlockCounts) {
  const std::string_view old =
      "Received: by x\nResent-Date: d\nResent-From: o\nResent-To: old@x.y, p\n"
      "Resent-Message-ID: i\nTo: q\n";
  const std::string text =
      lines({"Resent-To: new@x.y\nSubject: s\nResent-Cc: cc@x.y\n", old, "Resent-Bcc: hid@x.y\n"});
  EXPECT_EQ(envelope(text), "joe@mx.example.org: new@x.y cc@x.y");
  EXPECT_EQ(header(text), lines({"Resent-Date: 21 Nov 2026 04:19:54 -0000\n"
                                 "Resent-Message-ID: "
                                 "<20261121041954.123456.4711.0000000000007@id.example.org>\n"
                                 "Resent-From: Joe Doe <joe@mx.example.org>\n"
                                 "Resent-To: new@x.y\nSubject: s\nResent-Cc: cc@x.y\n",
                                 old.substr(0, old.size() - 6), "To: q@mx.example.org\n"}));
  // One below Received is the newest where there is none above it.
  EXPECT_EQ(envelope("Received: by x\nResent-To: a@x.y\nTo: q\n"), "joe@mx.example.org: a@x.y");
}

// ---- Mail-Followup-To

TEST(Complete, AMessageToAMailingListGetsMailFollowupTo) {
  Settings s = joe();
  s.lists = {"list@x.test"};
  const auto followup = [&](std::string_view text) {
    const std::string all = header(text, to({"r@x.y"}), s);
    const std::size_t begin = all.find("Mail-Followup-To:");
    if (begin == std::string::npos) return std::string();
    return all.substr(begin, all.find('\n', begin) - begin);
  };
  EXPECT_EQ(followup("To: The List <LIST@x.TEST>, b\nCc: c@d.e (C)\n"),
            "Mail-Followup-To: LIST@x.TEST, b@mx.example.org, c@d.e");
  EXPECT_EQ(followup("Cc: \"o p\"@d.e\nTo: g: list@x.test;\n"),
            "Mail-Followup-To: \"o p\"@d.e, list@x.test");
  EXPECT_EQ(followup("To: a@x.test\nBcc: list@x.test\nReply-To: list@x.test\n"), "");
  EXPECT_EQ(followup("To: list@x.test\nResent-To: a@b.c\n"), "");
  EXPECT_EQ(followup("To: list@x.test\nmail-followup-to: me@b.c\n"), "");
}

// ---- parameters

TEST(Complete, ParametersGoWithTheMessageAndEachRecipient) {
  Job job = to({"a@b.c", "d@e.f"});
  job.parameters = {{"RET", "HDRS"}};
  job.recipient_parameters = {{"NOTIFY", "NEVER"}};
  const Outcome<Completed> done = completed("", job, joe());
  ASSERT_TRUE(done);
  EXPECT_EQ(done->envelope.parameters, job.parameters);
  ASSERT_EQ(done->envelope.recipients.size(), 2u);
  EXPECT_EQ(done->envelope.recipients[0].parameters, job.recipient_parameters);
  EXPECT_EQ(done->envelope.recipients[1].parameters, job.recipient_parameters);
}

}  // namespace
}  // namespace porpoise::inject
