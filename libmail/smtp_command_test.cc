#include "libmail/smtp_command.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

constexpr SmtpRules kStrict{};
constexpr SmtpRules kLenient{.reading = SmtpReading::lenient};

std::string shown(const SmtpFault& fault) {
  return fmt::format("{} {} at {}: {}", fault.code, fault.status.text(), fault.at, fault.text);
}

std::string command(std::string_view line, SmtpReading reading = SmtpReading::strict) {
  const auto c = parse_smtp_command(line, reading);
  if (!c) return shown(c.error());
  return fmt::format("{} {} [{}] at {}", static_cast<int>(c->verb), c->word, c->argument, c->at);
}

int verb(std::string_view line) {
  const auto c = parse_smtp_command(line, SmtpReading::strict);
  return c ? static_cast<int>(c->verb) : -1;
}

std::string mail(std::string_view line, const SmtpRules& rules = kStrict) {
  const auto c = parse_smtp_command(line, rules.reading);
  if (!c) return shown(c.error());
  const auto m = parse_mail(*c, rules);
  return m ? fmt::format("<{}>{}", m->path.address, m->parameters.size ? " size" : "")
           : shown(m.error());
}

std::string rcpt(std::string_view line, const SmtpRules& rules = kStrict, bool utf8 = false) {
  const auto c = parse_smtp_command(line, rules.reading);
  if (!c) return shown(c.error());
  const auto r = parse_rcpt(*c, rules, utf8);
  return r ? fmt::format("<{}>{}", r->path.address, r->parameters.any_notify ? " notify" : "")
           : shown(r.error());
}

TEST(SmtpCommand, AVerbIsReadWithoutRegardToCase) {
  EXPECT_EQ(verb("hElO x"), static_cast<int>(SmtpVerb::helo));
  EXPECT_EQ(verb("EHLO x"), static_cast<int>(SmtpVerb::ehlo));
  EXPECT_EQ(verb("mAiL FROM:<>"), static_cast<int>(SmtpVerb::mail));
  EXPECT_EQ(verb("data"), static_cast<int>(SmtpVerb::data));
  EXPECT_EQ(verb("STARTTLS"), static_cast<int>(SmtpVerb::starttls));
  EXPECT_EQ(verb("turn"), static_cast<int>(SmtpVerb::turn));
  for (const char* other : {"XYZZY", "MAI", "MAILX", "GET / HTTP/1.1", "DATA:", "{}"}) {
    EXPECT_EQ(verb(other), static_cast<int>(SmtpVerb::unknown)) << other;
  }
}

TEST(SmtpCommand, TheArgumentFollowsOneBlank) {
  EXPECT_EQ(command("NOOP"), "7 NOOP [] at 4");
  EXPECT_EQ(command("NOOP a b"), "7 NOOP [a b] at 5");
  EXPECT_EQ(command("RSET \t "), "6 RSET [] at 4");
  EXPECT_EQ(command("MAIL  FROM:<>"), "500 5.5.2 at 4: want one blank after the command");
  EXPECT_EQ(command("MAIL\tFROM:<>"), "500 5.5.2 at 4: want one blank after the command");
  EXPECT_EQ(command("MAIL \t FROM:<>", SmtpReading::lenient), "3 MAIL [FROM:<>] at 7");
}

TEST(SmtpCommand, WhatIsNoCommandIsTold) {
  for (SmtpReading reading : {SmtpReading::strict, SmtpReading::lenient}) {
    EXPECT_EQ(command("", reading), "500 5.5.2 at 0: want a command");
    EXPECT_EQ(command(" NOOP", reading), "500 5.5.2 at 0: want a command");
    EXPECT_EQ(command("NOOP\xc3\xbc", reading), "500 5.5.2 at 4: want a command");
    EXPECT_EQ(command("NO\0OP"s, reading), "500 5.5.2 at 2: control octet in a command");
    EXPECT_EQ(command("NOOP\nRSET", reading), "500 5.5.2 at 4: control octet in a command");
    EXPECT_EQ(command("VRFY \x1b[2J", reading), "500 5.5.2 at 5: control octet in a command");
    EXPECT_EQ(command("NOOP \xff", reading), "500 5.5.2 at 0: malformed UTF-8 in a command");
  }
}

TEST(SmtpCommand, MailNamesTheSender) {
  EXPECT_EQ(mail("MAIL FROM:<a@x.test>"), "<a@x.test>");
  EXPECT_EQ(mail("mail from:<> SIZE=1"), "<> size");
  EXPECT_EQ(mail("MAIL"), "501 5.5.4 at 4: want FROM:<address>");
  EXPECT_EQ(mail("MAIL FROM"), "501 5.5.4 at 5: want FROM:<address>");
  EXPECT_EQ(mail("MAIL TO:<a@x.test>"), "501 5.5.4 at 5: want FROM:<address>");
  EXPECT_EQ(mail("MAIL FROM:"), "501 5.1.7 at 10: want \"<\"");
  EXPECT_EQ(mail("MAIL FROM:<@@>"), "501 5.1.7 at 12: want a domain");
  EXPECT_EQ(mail("MAIL FROM:<a@x.test>SIZE=1"), "501 5.5.4 at 20: want a blank before a parameter");
  EXPECT_EQ(mail("MAIL FROM:<a@x.test> FOO"), "555 5.5.4 at 21: unknown parameter FOO");
}

TEST(SmtpCommand, RcptNamesARecipient) {
  EXPECT_EQ(rcpt("RCPT TO:<a@x.test>"), "<a@x.test>");
  EXPECT_EQ(rcpt("rcpt to:<Postmaster> notify=NEVER"), "<Postmaster> notify");
  EXPECT_EQ(rcpt("RCPT FROM:<a@x.test>"), "501 5.5.4 at 5: want TO:<address>");
  EXPECT_EQ(rcpt("RCPT TO:<>"), "501 5.1.3 at 8: a recipient needs an address");
  EXPECT_EQ(rcpt("RCPT TO:<@>"), "501 5.1.3 at 10: want a domain");
  EXPECT_EQ(rcpt("RCPT TO:<a b@here.test>"), "501 5.1.3 at 10: want \"@\" and a domain");
  EXPECT_EQ(rcpt("RCPT TO:<a@x.test> NOTIFY=X").substr(0, 15), "501 5.5.4 at 26");
}

TEST(SmtpCommand, RealClientsAreReadLeniently) {
  EXPECT_EQ(mail("MAIL FROM: <a@x.test>"), "501 5.1.7 at 10: want \"<\"");
  EXPECT_EQ(mail("MAIL FROM :<a@x.test>"), "501 5.5.4 at 5: want FROM:<address>");
  EXPECT_EQ(mail("MAIL FROM: <a@x.test> ", kLenient), "<a@x.test>");
  EXPECT_EQ(mail("MAIL FROM :<a@x.test>", kLenient), "<a@x.test>");
  EXPECT_EQ(mail("MAIL FROM:a@x.test SIZE=1", kLenient), "<a@x.test> size");
  EXPECT_EQ(mail("MAIL  FROM: < a@x.test > SIZE=1", kLenient), "<a@x.test> size");
  EXPECT_EQ(rcpt("RCPT TO:alice", kLenient), "<alice>");
  EXPECT_EQ(mail("MAIL FROM:", kLenient), "501 5.1.7 at 10: want a local part");
  EXPECT_EQ(mail("MAIL FROM:<a@x.test", kLenient), "501 5.1.7 at 19: want \">\"");
  EXPECT_EQ(rcpt("RCPT x@y", kLenient), "501 5.5.4 at 5: want TO:<address>");
  EXPECT_EQ(mail("MAIL FROM", kLenient), "501 5.5.4 at 5: want FROM:<address>");
  EXPECT_EQ(mail("MAIL FROM:a@x.test>", kLenient),
            "501 5.5.4 at 18: want a blank before a parameter");
}

TEST(SmtpCommand, Utf8NeedsSmtpUtf8) {
  EXPECT_EQ(mail("MAIL FROM:<\xce\xb4@x.test> SMTPUTF8"), "<\xce\xb4@x.test>");
  EXPECT_EQ(mail("MAIL FROM:<\xce\xb4@x.test>"), "550 5.6.7 at 5: this address needs SMTPUTF8");
  EXPECT_EQ(rcpt("RCPT TO:<\xce\xb4@x.test>", kStrict, true), "<\xce\xb4@x.test>");
  EXPECT_EQ(rcpt("RCPT TO:<\xce\xb4@x.test>"), "553 5.6.7 at 5: this address needs SMTPUTF8");
  EXPECT_EQ(rcpt("RCPT TO:<a@x.test> ORCPT=utf-8;\xce\xb4@x"),
            "553 5.6.7 at 5: this address needs SMTPUTF8");
  EXPECT_EQ(rcpt("RCPT TO:<a@x.test> ORCPT=utf-8;\xce\xb4@x", kStrict, true), "<a@x.test>");
}

std::string helo(std::string_view name, SmtpReading reading = SmtpReading::strict) {
  const std::string line = fmt::format("EHLO {}", name);
  const auto c = parse_smtp_command(line, reading);
  if (!c) return shown(c.error());
  const auto read = parse_helo(*c, reading);
  return read ? std::string(*read) : shown(read.error());
}

TEST(SmtpCommand, AHostSaysItsName) {
  for (const char* name : {"client.test", "3com.test", "x", "[127.0.0.1]", "[IPv6:::1]"}) {
    EXPECT_EQ(helo(name), name);
    EXPECT_EQ(helo(name, SmtpReading::lenient), name);
  }
  EXPECT_EQ(helo("bad_name"), "501 5.5.4 at 5: an octet that no domain has");
  EXPECT_EQ(helo("bad_name", SmtpReading::lenient), "bad_name");
  EXPECT_EQ(helo("[::1]"), "501 5.5.4 at 5: an IPv6 address needs \"IPv6:\" before it");
  EXPECT_EQ(helo("[::1]", SmtpReading::lenient), "[::1]");
  for (SmtpReading reading : {SmtpReading::strict, SmtpReading::lenient}) {
    EXPECT_EQ(helo("", reading), "501 5.5.4 at 4: want the name of a host");
    EXPECT_EQ(helo(std::string(256, 'a'), reading),
              "501 5.5.4 at 5: the name of the host is too long");
    for (const char* bad :
         {"a b", "<>", "bad!", "[1.2.3.4] (x) by evil; Mon", "x\ty", "b\xc3\xbc.test", "[x:;]"}) {
      EXPECT_EQ(helo(bad, reading).substr(0, 15), "501 5.5.4 at 5:") << bad;
    }
  }
}

std::string vrfy(std::string_view argument) {
  const std::string line = fmt::format("VRFY {}", argument);
  const auto c = parse_smtp_command(line, SmtpReading::strict);
  if (!c) return shown(c.error());
  const auto v = parse_vrfy(*c, kStrict);
  if (!v) return shown(v.error());
  return fmt::format("[{}]{}{}", v->text, v->path ? " <" + v->path->address + ">" : "",
                     v->utf8 ? " utf8" : "");
}

TEST(SmtpCommand, VrfyTakesANameOrAnAddress) {
  EXPECT_EQ(vrfy("alice"), "[alice] <alice>");
  EXPECT_EQ(vrfy("<alice@x.test>"), "[<alice@x.test>] <alice@x.test>");
  EXPECT_EQ(vrfy("alice@x.test SMTPUTF8"), "[alice@x.test] <alice@x.test> utf8");
  EXPECT_EQ(vrfy("\xce\xb4@x.test smtputf8"), "[\xce\xb4@x.test] <\xce\xb4@x.test> utf8");
  EXPECT_EQ(vrfy("Joe Smith"), "[Joe Smith]");
  EXPECT_EQ(vrfy("SMTPUTF8"), "[SMTPUTF8] <SMTPUTF8>");
  EXPECT_EQ(vrfy(""), "501 5.5.4 at 4: want whom to verify");
  EXPECT_EQ(vrfy("\xce\xb4@x.test"), "553 5.6.7 at 5: this address needs SMTPUTF8");
}

TEST(SmtpCommand, SomeHaveNoArgument) {
  EXPECT_FALSE(argument_fault(*parse_smtp_command("RSET  ", SmtpReading::strict)));
  const auto fault = argument_fault(*parse_smtp_command("RSET x", SmtpReading::strict));
  ASSERT_TRUE(fault);
  EXPECT_EQ(shown(*fault), "501 5.5.4 at 5: this command has no argument");
}

}  // namespace
}  // namespace porpoise::mail
