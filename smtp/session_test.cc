#include "smtp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "smtp/test_world.h"

using namespace std::string_literals;

namespace porpoise::smtp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    settings_.host = "mx.here.test";
    settings_.default_host = "here.test";
  }

  Session& session() {
    if (!session_) session_.emplace(settings_, world_);
    return *session_;
  }

  // The replies to these octets. What comes after the end is not taken.
  std::string say(std::string_view octets) {
    std::string replies;
    while (!octets.empty() && !session().over()) {
      octets.remove_prefix(session().feed(octets, replies));
    }
    return replies;
  }
  std::string line(const std::string& text) { return say(text + "\r\n"); }
  // Only the codes, as "250 550".
  std::string codes(std::string_view octets) {
    std::string codes;
    std::string replies = say(octets);
    for (std::string_view rest = replies; !rest.empty();) {
      if (rest[3] == ' ') codes += (codes.empty() ? "" : " ") + std::string(rest.substr(0, 3));
      rest.remove_prefix(rest.find('\n') + 1);
    }
    return codes;
  }

  void begin(const std::string& mail = "MAIL FROM:<carol@away.test>") {
    EXPECT_EQ(codes("EHLO client.test\r\n" + mail + "\r\n"), "250 250");
  }
  void begin_text() {
    begin();
    EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\nDATA\r\n"), "250 354");
  }
  std::string text() { return world_.messages.at(0).text; }

  Settings settings_;
  TestWorld world_;
  std::optional<Session> session_;
};

// ---- the order of things

TEST_F(SessionTest, AWholeMessage) {
  EXPECT_EQ(session().greeting(), "220 mx.here.test ESMTP\r\n");
  EXPECT_EQ(line("EHLO client.test"),
            "250-mx.here.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n"
            "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-SMTPUTF8\r\n250 HELP\r\n");
  EXPECT_EQ(line("MAIL FROM:<carol@away.test>"), "250 2.1.0 ok\r\n");
  EXPECT_EQ(line("RCPT TO:<alice@here.test>"), "250 2.1.5 ok\r\n");
  EXPECT_EQ(line("RCPT TO:<nobody@here.test>"), "550 5.1.1 no such mailbox here\r\n");
  EXPECT_EQ(line("RCPT TO:<bob@here.test>"), "250 2.1.5 ok\r\n");
  EXPECT_EQ(line("DATA"), "354 go ahead, end with <CRLF>.<CRLF>\r\n");
  EXPECT_EQ(line("Subject: hi\r\n\r\n..\r\n..two\r\nQUIT"), "");
  EXPECT_THAT(world_.messages, IsEmpty());
  EXPECT_EQ(line("."), "250 2.0.0 queued as 1\r\n");
  EXPECT_EQ(line("QUIT"), "221 2.0.0 mx.here.test closing\r\n");
  EXPECT_TRUE(session().over());

  ASSERT_THAT(world_.messages, SizeIs(1));
  EXPECT_EQ(text(), "Subject: hi\n\n.\n.two\nQUIT\n");
  const mail::Envelope& envelope = world_.messages[0].envelope;
  EXPECT_EQ(envelope.sender, "carol@away.test");
  EXPECT_THAT(envelope.parameters, IsEmpty());
  ASSERT_THAT(envelope.recipients, SizeIs(2));
  EXPECT_EQ(envelope.recipients[0].address, "alice@here.test");
  EXPECT_EQ(envelope.recipients[1].address, "bob@here.test");
}

TEST_F(SessionTest, NothingBeforeItsTime) {
  EXPECT_EQ(line("MAIL FROM:<a@b.test>"), "503 5.5.1 say EHLO or HELO first\r\n");
  EXPECT_EQ(line("RCPT TO:<alice@here.test>"), "503 5.5.1 MAIL comes first\r\n");
  EXPECT_EQ(line("DATA"), "503 5.5.1 MAIL comes first\r\n");
  begin();
  EXPECT_EQ(line("MAIL FROM:<a@b.test>"), "503 5.5.1 MAIL was said already\r\n");
  EXPECT_EQ(line("DATA"), "503 5.5.1 no recipient was taken\r\n");
  EXPECT_EQ(codes("RCPT TO:<nobody@here.test>\r\nDATA\r\n"), "550 503");
  EXPECT_THAT(world_.messages, IsEmpty());
}

TEST_F(SessionTest, TheseWorkBeforeEhloAndLeaveTheTransactionAlone) {
  const std::string others =
      "NOOP\r\nNOOP x\r\nHELP\r\nHELP MAIL\r\nVRFY alice\r\nEXPN staff\r\nFOO\r\n";
  EXPECT_EQ(codes(others + "RSET\r\n"), "250 250 214 214 250 502 500 250");
  begin();
  EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\n" + others + "DATA\r\n.\r\n"),
            "250 250 250 214 214 250 502 500 354 250");
  EXPECT_EQ(text(), "");
}

TEST_F(SessionTest, RsetHeloAndEhloForgetTheTransaction) {
  for (const char* command : {"RSET", "HELO client.test", "EHLO client.test", "EHLO [192.0.2.1]"}) {
    begin();
    EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\n" + std::string(command) + "\r\n"), "250 250");
    EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\nDATA\r\n"), "503 503") << command;
  }
}

TEST_F(SessionTest, ARefusedCommandChangesNothing) {
  begin();
  EXPECT_EQ(codes("EHLO\r\nHELO <>\r\nRSET x\r\nQUIT x\r\nMAIL FROM:<\r\nRCPT TO:\r\n"),
            "501 501 501 501 503 501");
  EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\nDATA x\r\nDATA\r\n.\r\n"), "250 501 354 250");
}

TEST_F(SessionTest, OneTransactionAfterTheOther) {
  begin_text();
  EXPECT_EQ(codes("one\r\n.\r\nDATA\r\nRCPT TO:<alice@here.test>\r\n"), "250 503 503");
  EXPECT_EQ(codes("MAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\ntwo\r\n.\r\n"),
            "250 250 354 250");
  ASSERT_THAT(world_.messages, SizeIs(2));
  EXPECT_EQ(world_.messages[1].text, "two\n");
  EXPECT_EQ(world_.messages[1].envelope.sender, "");
  EXPECT_THAT(world_.messages[1].envelope.recipients, SizeIs(1));
}

TEST_F(SessionTest, QuitAtAnyTimeEndsIt) {
  EXPECT_EQ(codes("QUIT\r\nNOOP\r\n"), "221");
  session_.reset();
  begin();
  EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\nQUIT\r\n"), "250 221");
  EXPECT_THAT(world_.messages, IsEmpty());
}

TEST_F(SessionTest, WhatIsKnownButNotOffered) {
  for (const char* verb :
       {"EXPN staff", "AUTH PLAIN", "STARTTLS", "BDAT 5 LAST", "TURN", "ETRN x",
        "SEND FROM:<a@b.test>", "SOML FROM:<a@b.test>", "SAML FROM:<a@b.test>"}) {
    EXPECT_EQ(line(verb), "502 5.5.1 this command is not offered\r\n") << verb;
  }
}

TEST_F(SessionTest, HelloHasOneLineWithoutExtensions) {
  EXPECT_EQ(line("HELO client.test"), "250 mx.here.test\r\n");
  EXPECT_EQ(line("MAIL FROM:<>"), "250 2.1.0 ok\r\n");
}

TEST_F(SessionTest, TheLimitOfMessagesIsAnnounced) {
  settings_.limits.message_octets = 1048576;
  EXPECT_THAT(line("EHLO client.test"), ::testing::HasSubstr("\r\n250-SIZE 1048576\r\n"));
}

// ---- lines

TEST_F(SessionTest, NothingHappensBeforeTheLineEnds) {
  EXPECT_EQ(say("NOOP"), "");
  EXPECT_EQ(say("\r"), "");
  EXPECT_EQ(say("\n"), "250 2.0.0 ok\r\n");
}

TEST_F(SessionTest, ALineThatEndsInLfAloneEndsTheSessionAtOnce) {
  EXPECT_EQ(say("NOOP\nRSET\r\nNOOP\r\n"),
            "500 5.5.2 lines end in CRLF, not in LF alone; closing\r\n");
  EXPECT_TRUE(session().over());
  session_.reset();
  begin();
  EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\nDATA\n"), "250 500");
  EXPECT_TRUE(session().over());
}

TEST_F(SessionTest, ACrAloneEndsNoLine) {
  EXPECT_EQ(codes("NOOP\rRSET\r\nNOOP\r\n"), "500 250");
  EXPECT_EQ(codes("NOOP\r\r\n"), "500");
}

TEST_F(SessionTest, OctetsThatHaveNoPlaceInACommand) {
  EXPECT_EQ(codes("MAIL FROM:<a\0b@away.test>\r\nNO\0OP\r\n"s), "500 500");
  EXPECT_EQ(codes("VRFY \x1b[2J\r\nHELO a\x08"
                  "b\r\n"),
            "500 500");
  EXPECT_EQ(codes("\xff\xfe\r\nMAIL FROM:<\xe9@x.test>\r\n"), "500 500");
  EXPECT_EQ(codes("\r\n NOOP\r\n"), "500 500");
}

TEST_F(SessionTest, ALineThatIsTooLongIsSkippedWhole) {
  const std::size_t most = settings_.limits.line_octets;
  EXPECT_EQ(line("NOOP " + std::string(most - 7, 'x')), "250 2.0.0 ok\r\n");
  EXPECT_EQ(line("NOOP " + std::string(most - 6, 'x')), "500 5.5.2 this line is too long\r\n");
  EXPECT_EQ(line("NOOP " + std::string(10'000'000, 'x')), "500 5.5.2 this line is too long\r\n");
  EXPECT_EQ(codes("NOOP\r\n"), "250");
}

TEST_F(SessionTest, RepliesToGroupsMayWaitOthersNot) {
  std::string replies;
  const auto urgent = [&](const std::string& text) {
    replies.clear();
    EXPECT_EQ(session().feed(text, replies), text.size());
    return session().urgent();
  };
  EXPECT_TRUE(urgent("EHLO client.test\r\n"));
  EXPECT_FALSE(urgent("MAIL FROM:<>\r\n"));
  EXPECT_FALSE(urgent("RSET\r\n"));
  EXPECT_FALSE(urgent("MAIL FROM:<>\r\n"));
  EXPECT_FALSE(urgent("RCPT TO:<alice@here.test>\r\n"));
  EXPECT_TRUE(urgent("FOO\r\n"));
  EXPECT_TRUE(urgent("NOOP\r\n"));
  EXPECT_TRUE(urgent("VRFY alice\r\n"));
  EXPECT_TRUE(urgent("DATA\r\n"));
  EXPECT_FALSE(urgent("x\r\n"));
  EXPECT_TRUE(urgent(".\r\n"));
  EXPECT_TRUE(urgent("QUIT\r\n"));
}

TEST_F(SessionTest, FeedTakesOneCommandAtATime) {
  std::string replies;
  EXPECT_EQ(session().feed("NOOP\r\nNOOP\r\n", replies), 6u);
  EXPECT_EQ(replies, "250 2.0.0 ok\r\n");
}

// ---- addresses

TEST_F(SessionTest, AddressesAreInEnvelopeForm) {
  begin("MAIL FROM:<@a.test,@b.test:user@away.test>");
  EXPECT_EQ(codes("RCPT TO:<@mx.here.test:alice@here.test>\r\nRCPT TO:<\"a b\"@here.test>\r\n"
                  "RCPT TO:<\"al\\ice\"@here.test>\r\nRCPT TO:<x@[127.0.0.1]>\r\n"
                  "RCPT TO:<Postmaster>\r\nRCPT TO:<bob>\r\nDATA\r\n.\r\n"),
            "250 250 250 250 250 250 354 250");
  const mail::Envelope& envelope = world_.messages.at(0).envelope;
  EXPECT_EQ(envelope.sender, "user@away.test");
  std::vector<std::string> addresses;
  for (const auto& recipient : envelope.recipients) addresses.push_back(recipient.address);
  EXPECT_THAT(addresses, ElementsAre("alice@here.test", "a b@here.test", "alice@here.test",
                                     "x@[127.0.0.1]", "Postmaster@mx.here.test", "bob@here.test"));
}

TEST_F(SessionTest, WithoutADefaultHostOnlyPostmasterNeedsNoDomain) {
  settings_.default_host.clear();
  EXPECT_EQ(codes("EHLO client.test\r\nMAIL FROM:<bob>\r\nMAIL FROM:<>\r\n"), "250 501 250");
  EXPECT_EQ(line("RCPT TO:<bob>"), "501 5.1.3 want an address with a domain\r\n");
  EXPECT_EQ(codes("RCPT TO:<POSTMASTER>\r\n"), "250");
}

TEST_F(SessionTest, BadPathsHaveTheirOwnStatus) {
  EXPECT_EQ(line("EHLO client.test").substr(0, 3), "250");
  EXPECT_EQ(line("MAIL FROM:<a@b@c>").substr(0, 9), "501 5.1.7");
  EXPECT_EQ(line("MAIL").substr(0, 9), "501 5.5.4");
  begin();
  EXPECT_EQ(line("RCPT TO:<a..b@here.test>").substr(0, 9), "501 5.1.3");
  EXPECT_EQ(line("RCPT TO:<>").substr(0, 3), "501");
  EXPECT_EQ(line("RCPT TO:<\"a\x01"
                 "b\"@here.test>")
                .substr(0, 3),
            "500");
}

TEST_F(SessionTest, WhatTheWorldCannotTellIsTriedAgain) {
  begin();
  EXPECT_EQ(line("RCPT TO:<later@here.test>"), "451 4.3.0 cannot tell now\r\n");
}

TEST_F(SessionTest, VrfyTellsWhatIsKnown) {
  EXPECT_EQ(line("VRFY alice"), "250 2.1.5 <alice@here.test>\r\n");
  EXPECT_EQ(line("VRFY <alice@second.test>"), "250 2.1.5 <alice@second.test>\r\n");
  EXPECT_EQ(line("VRFY nobody"), "550 5.1.1 no such mailbox here\r\n");
  EXPECT_EQ(line("VRFY later"), "252 2.0.0 cannot say; mail for it would be tried\r\n");
  EXPECT_EQ(line("VRFY list"), "252 2.0.0 cannot say; mail for it would be tried\r\n");
  EXPECT_EQ(line("VRFY Fred Smith"), "252 2.0.0 cannot say; mail for it would be tried\r\n");
  EXPECT_EQ(line("VRFY"), "501 5.5.4 want whom to verify\r\n");
  EXPECT_EQ(line("VRFY \xc3\xa9@here.test SMTPUTF8"), "250 2.1.5 <\xc3\xa9@here.test>\r\n");
}

// R1123-5.2.3-s54-vrfy-expn-config, R5321-7.3-disabled-vrfy-252, R821-3.3-vrfy-ambiguous
TEST_F(SessionTest, VrfySwitchedOffTellsNothing) {
  settings_.verify = false;
  EXPECT_EQ(codes("VRFY alice\r\nVRFY nobody\r\nVRFY Smith\r\n"), "252 252 252");
}

// R821-4.3-legal-codes-mail, R821-4.3-legal-codes-rcpt, R821-4.3-legal-codes-data,
// R821-4.3-legal-codes-other, R5321-4.3.2-reply-table: with 503 and 550 of RFC 5321 and those of
// SIZE, SMTPUTF8 and enhanced parameters; 421 may answer anything.
TEST_F(SessionTest, EveryReplyIsOneOfItsCommand) {
  const std::map<std::string, std::set<std::string>> table = {
      {"EHLO", {"250", "501"}},
      {"HELO", {"250", "501"}},
      {"MAIL", {"250", "500", "501", "503", "550", "552", "555"}},
      {"RCPT", {"250", "451", "452", "500", "501", "503", "550", "553", "555"}},
      {"DATA", {"354", "451", "501", "503"}},
      {"RSET", {"250", "501"}},
      {"VRFY", {"250", "252", "500", "501", "550", "553"}},
      {"EXPN", {"502"}},
      {"HELP", {"214"}},
      {"NOOP", {"250"}},
      {"TEXT", {"250", "451", "452", "552", "554"}},
      {"QUIT", {"221", "501"}}};
  settings_.limits = {.errors = 1000, .recipients = 4, .message_octets = 30, .hops = 1};
  const std::string paths[] = {"<>",      "<a@b.test>", "<nobody@here.test>",   "<later@here.test>",
                               "<a@b@c>", "",           "<\xce\xb4@here.test>", "alice"};
  const std::string parameters[] = {"",           " SIZE=31", " SIZE=x",   " SMTPUTF8",
                                    " NOTIFY=NO", " FOO=BAR", " RET=\x01", " ENVID=q"};
  std::map<std::string, std::set<std::string>> seen;
  const auto note = [&](const std::string& verb, const std::string& text) {
    const std::string code = codes(text);
    EXPECT_THAT(table.at(verb), ::testing::Contains(code)) << verb << text;
    seen[verb].insert(code);
    return code;
  };
  const auto whole_message = [&](const std::string& text) {
    if (note("DATA", "DATA\r\n") == "354") note("TEXT", text + ".\r\n");
  };
  for (const std::string& parameter : parameters) {
    for (const std::string& path : paths) {
      note("EHLO", "EHLO client.test\r\n");
      note("MAIL", "MAIL FROM:" + path + parameter + "\r\n");
      for (const std::string& to : paths) note("RCPT", "RCPT TO:" + to + parameter + "\r\n");
      for (int i = 0; i < 5; ++i) note("RCPT", "RCPT TO:<a@b.test>\r\n");
      note("VRFY", "VRFY " + path + parameter + "\r\n");
      whole_message("x\r\n");
      note("DATA", "DATA\r\n");
    }
  }
  for (const char* verb : {"HELO", "RSET", "EXPN", "HELP", "NOOP", "QUIT"}) {
    note(verb, std::string(verb) + " <x>\r\n");
  }
  for (const std::string& text :
       {"a\nb\r\n"s, std::string(40, 'x') + "\r\n", "Received: a\r\nReceived: b\r\n"s, ""s}) {
    begin();
    note("RCPT", "RCPT TO:<a@b.test>\r\n");
    whole_message(text);
  }
  for (const Refusal& refusal : {Refusal{451, {4, 3, 0}, "x"}, Refusal{452, {4, 3, 1}, "x"}}) {
    world_.refuse_commit = refusal;
    begin();
    note("RCPT", "RCPT TO:<a@b.test>\r\n");
    whole_message("x\r\n");
  }
  world_.refuse_begin = Refusal{451, {4, 3, 0}, "x"};
  begin();
  note("RCPT", "RCPT TO:<a@b.test>\r\n");
  whole_message("");
  note("MAIL", "MAIL FROM:<>\r\n");
  note("DATA", "DATA x\r\n");
  note("EHLO", "EHLO\r\n");
  note("RSET", "RSET\r\n");
  note("HELO", "HELO client.test\r\n");
  note("QUIT", "QUIT\r\n");
  EXPECT_EQ(seen, table);
}

// ---- extensions

TEST_F(SessionTest, ParametersReachTheEnvelope) {
  begin("MAIL FROM:<a@b.test> SIZE=10 BODY=8bitmime RET=hdrs ENVID=QQ+20x SMTPUTF8");
  EXPECT_EQ(codes("RCPT TO:<alice@here.test> NOTIFY=delay,SUCCESS ORCPT=rfc822;a+2Bb@x.test\r\n"
                  "RCPT TO:<bob@here.test> NOTIFY=NEVER\r\nRCPT TO:<carl@here.test>\r\n"
                  "DATA\r\n.\r\n"),
            "250 250 250 354 250");
  const mail::Envelope& envelope = world_.messages.at(0).envelope;
  EXPECT_EQ(envelope.parameters,
            (mail::Parameters{
                {"BODY", "8BITMIME"}, {"SMTPUTF8", ""}, {"RET", "HDRS"}, {"ENVID", "QQ+20x"}}));
  EXPECT_EQ(envelope.recipients[0].parameters,
            (mail::Parameters{{"NOTIFY", "SUCCESS,DELAY"}, {"ORCPT", "rfc822;a+2Bb@x.test"}}));
  EXPECT_EQ(envelope.recipients[1].parameters, (mail::Parameters{{"NOTIFY", "NEVER"}}));
  EXPECT_THAT(envelope.recipients[2].parameters, IsEmpty());
  EXPECT_EQ(world_.messages[0].trace.protocol, "UTF8SMTP");
}

TEST_F(SessionTest, BadParametersAreRefusedAndChangeNothing) {
  EXPECT_EQ(
      codes("EHLO client.test\r\nMAIL FROM:<a@b.test> FOO=BAR\r\nMAIL FROM:<a@b.test> SIZE=\r\n"
            "MAIL FROM:<a@b.test> SIZE=1 SIZE=2\r\nMAIL FROM:<a@b.test> BODY=9BIT\r\n"
            "MAIL FROM:<a@b.test> BODY=BINARYMIME\r\nMAIL FROM:<a@b.test> AUTH=<>\r\n"
            "RCPT TO:<alice@here.test>\r\n"),
      "250 555 501 501 501 501 555 503");
}

TEST_F(SessionTest, Utf8NeedsItsParameter) {
  EXPECT_EQ(codes("EHLO client.test\r\nMAIL FROM:<\xce\xb4@x.test>\r\n"), "250 550");
  begin();
  EXPECT_EQ(line("RCPT TO:<\xce\xb4@here.test>").substr(0, 9), "553 5.6.7");
  EXPECT_EQ(line("RSET"), "250 2.0.0 ok\r\n");
  begin("MAIL FROM:<\xce\xb4@x.test> SMTPUTF8");
  EXPECT_EQ(codes("RCPT TO:<\xce\xb4@here.test>\r\n"), "250");
}

TEST_F(SessionTest, TheTraceTellsHowItCame) {
  begin_text();
  EXPECT_EQ(codes(".\r\n"), "250");
  EXPECT_EQ(world_.messages[0].trace.helo, "client.test");
  EXPECT_EQ(world_.messages[0].trace.protocol, "ESMTP");
  EXPECT_EQ(world_.messages[0].trace.recipient, "alice@here.test");
  EXPECT_EQ(codes("HELO [192.0.2.1]\r\nMAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\n"
                  "RCPT TO:<b@here.test>\r\nDATA\r\n.\r\n"),
            "250 250 250 250 354 250");
  EXPECT_EQ(world_.messages[1].trace.helo, "[192.0.2.1]");
  EXPECT_EQ(world_.messages[1].trace.protocol, "SMTP");
  EXPECT_EQ(world_.messages[1].trace.recipient, "");
}

TEST_F(SessionTest, AllInOneWrite) {
  EXPECT_EQ(
      codes("EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nDATA\r\nRSET\r\nQUIT\r\n.\r\n"
            "MAIL FROM:<>\r\nRCPT TO:<nobody@here.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"),
      "250 250 250 354 250 250 550 503 500 500 221");
  ASSERT_THAT(world_.messages, SizeIs(1));
  EXPECT_EQ(text(), "RSET\nQUIT\n");
}

// ---- smuggling

TEST_F(SessionTest, OnlyCrlfDotCrlfEndsTheText) {
  // R5321-2.3.8-smug-*: what stands behind each of these is text, and the text is refused.
  const std::string hidden =
      "MAIL FROM:<e@away.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nevil\r\n";
  for (const std::string& mark :
       {"\n.\n"s, "\n.\r\n"s, "\r\n.\n"s, "\r\n.\r"s, "\r.\r"s, "\r.\n"s, "\r.\r\n"s,
        "\r\n.\r\r\n"s, "\r\n\r.\r\n"s, "\n.\r"s, "\n\n.\n\n"s}) {
    session_.reset();
    begin_text();
    const std::string reply = say("x" + mark + hidden + ".\r\n");
    EXPECT_EQ(reply.substr(0, 9), "554 5.6.0") << ::testing::PrintToString(mark) << reply;
    EXPECT_EQ(line("NOOP"), "250 2.0.0 ok\r\n");
  }
  EXPECT_THAT(world_.messages, IsEmpty());
}

TEST_F(SessionTest, ANulAroundTheDotIsText) {
  begin_text();
  EXPECT_EQ(codes("x\r\n\0.\r\ny\r\n.\0\r\nz\r\n.\r\n"s), "250");
  EXPECT_EQ(text(), "x\n\0.\ny\n\0\nz\n"s);
}

TEST_F(SessionTest, ABareOctetIsNamedWithItsPlace) {
  begin_text();
  EXPECT_EQ(line("a\rb\r\n."), "554 5.6.0 octet 2 of the text is a bare CR: lines end in CRLF\r\n");
  begin_text();
  EXPECT_EQ(line("abc\r\nd\ne\r\n."),
            "554 5.6.0 octet 7 of the text is a bare LF: lines end in CRLF\r\n");
  EXPECT_THAT(world_.messages, IsEmpty());
  EXPECT_FALSE(world_.writing());
}

// ---- what goes wrong with a text

TEST_F(SessionTest, ThisIsNoWayToEndAText) {
  begin_text();
  EXPECT_EQ(say("text\r\n.\r"), "");
  session_.reset();  // the client is gone
  EXPECT_THAT(world_.messages, IsEmpty());
  EXPECT_EQ(world_.abandoned, 1);
}

TEST_F(SessionTest, ARefusalAtDataKeepsTheTransaction) {
  world_.refuse_begin = Refusal{452, {4, 3, 1}, "no room"};
  begin();
  EXPECT_EQ(codes("RCPT TO:<alice@here.test>\r\n"), "250");
  EXPECT_EQ(line("DATA"), "452 4.3.1 no room\r\n");
  world_.refuse_begin.reset();
  EXPECT_EQ(codes("DATA\r\nx\r\n.\r\n"), "354 250");
}

TEST_F(SessionTest, ARefusalWithinTheTextIsToldAtItsEnd) {
  world_.refuse_append = Refusal{452, {4, 3, 1}, "no room"};
  world_.refuse_append_from = 3;
  begin_text();
  EXPECT_EQ(say("abcdef\r\n"), "");
  EXPECT_FALSE(world_.writing());
  EXPECT_EQ(say("more\r\nNOOP\r\n"), "");
  EXPECT_EQ(line("."), "452 4.3.1 no room\r\n");
  EXPECT_EQ(codes("DATA\r\nNOOP\r\n"), "503 250");
  EXPECT_EQ(world_.abandoned, 1);
}

TEST_F(SessionTest, ARefusalAtTheEndIsTheAnswer) {
  world_.refuse_commit = Refusal{451, {4, 3, 0}, "the disk failed"};
  begin_text();
  EXPECT_EQ(line("x\r\n."), "451 4.3.0 the disk failed\r\n");
  EXPECT_EQ(codes("DATA\r\n"), "503");
  EXPECT_THAT(world_.messages, IsEmpty());
}

// ---- limits

TEST_F(SessionTest, TheLimitOfOctetsIsExact) {
  settings_.limits.message_octets = 10;
  begin("MAIL FROM:<> SIZE=10");
  EXPECT_EQ(codes("RCPT TO:<a@here.test>\r\nDATA\r\n12345678\r\n.\r\n"), "250 354 250");
  EXPECT_EQ(text(), "12345678\n");
  begin("MAIL FROM:<> SIZE=1");
  EXPECT_EQ(codes("RCPT TO:<a@here.test>\r\nDATA\r\n"), "250 354");
  EXPECT_EQ(line("..2345678\r\n."), "250 2.0.0 queued as 2\r\n");
  begin();
  EXPECT_EQ(codes("RCPT TO:<a@here.test>\r\nDATA\r\n"), "250 354");
  EXPECT_EQ(line("123456789"), "");
  EXPECT_FALSE(world_.writing());
  EXPECT_EQ(line("."), "552 5.3.4 at most 10 octets\r\n");
  EXPECT_THAT(world_.messages, SizeIs(2));
}

TEST_F(SessionTest, ADeclaredSizeBeyondTheLimitIsRefusedAtOnce) {
  settings_.limits.message_octets = 1000;
  EXPECT_EQ(codes("EHLO c.test\r\n"), "250");
  EXPECT_EQ(line("MAIL FROM:<> SIZE=1001"), "552 5.3.4 at most 1000 octets\r\n");
  EXPECT_EQ(line("MAIL FROM:<> SIZE=18446744073709551616"), "552 5.3.4 at most 1000 octets\r\n");
  EXPECT_EQ(codes("MAIL FROM:<> SIZE=1000\r\n"), "250");
}

TEST_F(SessionTest, OneRecipientTooManyIsRefusedTheOthersStand) {
  settings_.limits.recipients = 3;
  begin();
  EXPECT_EQ(codes("RCPT TO:<a@here.test>\r\nRCPT TO:<nobody@here.test>\r\nRCPT TO:<b@here.test>\r\n"
                  "RCPT TO:<c@here.test>\r\n"),
            "250 550 250 250");
  EXPECT_EQ(line("RCPT TO:<d@here.test>"),
            "452 4.5.3 at most 3 recipients of one message: send it again for the others\r\n");
  EXPECT_EQ(codes("DATA\r\n.\r\n"), "354 250");
  EXPECT_THAT(world_.messages.at(0).envelope.recipients, SizeIs(3));
}

TEST_F(SessionTest, AMessageThatGoesRoundIsStopped) {
  const auto received = [](int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += i % 2 == 0 ? "Received: x\r\n" : "DELIVERED-TO: y\r\n";
    return text;
  };
  begin_text();
  EXPECT_EQ(line(received(100) + "\r\nReceived: text\r\n."), "250 2.0.0 queued as 1\r\n");
  begin_text();
  EXPECT_EQ(line(received(101) + "."),
            "554 5.4.6 more than 100 hosts had this message: it goes round\r\n");
}

TEST_F(SessionTest, TooManyErrorsEndTheSession) {
  settings_.limits.errors = 3;
  begin();
  EXPECT_EQ(codes("FOO\r\nRCPT TO:<nobody@here.test>\r\nRCPT TO:<nobody@here.test>\r\nDATA\r\n"),
            "500 550 550 503");
  EXPECT_EQ(line("BAR"), "421 4.7.0 mx.here.test too many errors, closing\r\n");
  EXPECT_TRUE(session().over());
}

TEST_F(SessionTest, TooManyCommandsEndTheSession) {
  settings_.limits.commands = 3;
  EXPECT_EQ(codes("NOOP\r\nNOOP\r\nNOOP\r\n"), "250 250 250");
  EXPECT_EQ(line("NOOP"), "421 4.7.0 mx.here.test too many commands, closing\r\n");
  EXPECT_TRUE(session().over());
}

TEST_F(SessionTest, ItCanBeEndedInAnyState) {
  EXPECT_EQ(session().expire(), "421 4.4.2 mx.here.test nothing came for too long, closing\r\n");
  EXPECT_TRUE(session().over());
  session_.reset();
  begin_text();
  EXPECT_EQ(say("half a mess"), "");
  EXPECT_EQ(session().shut_down(), "421 4.3.2 mx.here.test the service ends, closing\r\n");
  EXPECT_TRUE(session().over());
  EXPECT_FALSE(world_.writing());
  EXPECT_THAT(world_.messages, IsEmpty());
}

// ---- pieces

TEST_F(SessionTest, PiecesOfAnySizeAreTheSame) {
  const std::string whole =
      "EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nDATA\r\nSubject: "
      "x\r\n\r\n..\r\n.x\r\n.\r\n"
      "MAIL FROM:<>\r\nRCPT TO:<a@here.test>\r\nDATA\r\na\nb\r\n.\r\nNOOP\r\nQUIT\r\n";
  const std::string replies = say(whole);
  for (std::size_t size = 1; size < 20; ++size) {
    session_.reset();
    std::string pieces;
    for (std::size_t at = 0; at < whole.size(); at += size) pieces += say(whole.substr(at, size));
    std::string want = replies;
    if (const std::size_t id = want.find("as 1"); id != std::string::npos) {
      want.replace(id, 4, "as " + std::to_string(world_.messages.size()));
    }
    EXPECT_EQ(pieces, want) << size;
    EXPECT_EQ(world_.messages.back().text, world_.messages.front().text) << size;
  }
}

}  // namespace
}  // namespace porpoise::smtp
