#include "libmail/smtp_reply.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

std::string shown(const SmtpReply& reply) {
  std::string text = reply.text;
  std::ranges::replace(text, '\n', '|');
  return fmt::format("{:03} {}[{}]", reply.code, reply.status ? reply.status->text() + " " : "",
                     text);
}

/// The replies read out of `in`, in pieces; then the fault, or "..." for one that is not over.
std::string read(std::string_view in, std::size_t piece = 4096, SmtpReplyLimits limits = {}) {
  SmtpReplyReader reader(limits);
  std::string all;
  while (!in.empty() && reader.fault() == SmtpReplyReader::Fault::none) {
    in.remove_prefix(reader.feed(in.substr(0, piece)));
    if (reader.complete()) all += shown(reader.take());
  }
  if (reader.fault() != SmtpReplyReader::Fault::none) {
    return all + fmt::format("fault: {}", reader.fault_text());
  }
  EXPECT_EQ(reader.fault_text(), "");
  return all + (reader.empty() ? "" : "...");
}

TEST(SmtpReplyReader, AReplyIsACodeAndText) {
  EXPECT_EQ(read("250 ok\r\n"), "250 [ok]");
  EXPECT_EQ(read("250 2.1.0 Sender ok\r\n"), "250 2.1.0 [Sender ok]");
  EXPECT_EQ(read("250\r\n"), "250 []");
  EXPECT_EQ(read("250 \r\n"), "250 []");
  EXPECT_EQ(read("220 mx ready\r\n250 hi\r\n"), "220 [mx ready]250 [hi]");
  EXPECT_EQ(read("650 x\r\n"), "650 [x]");
  EXPECT_EQ(read("000 x\r\n"), "000 [x]");
  EXPECT_EQ(read("25"), "...");
  EXPECT_EQ(read(""), "");
}

TEST(SmtpReplyReader, LinesWithADashGoOn) {
  EXPECT_EQ(read("250-one\r\n250-two\r\n250 three\r\n"), "250 [one|two|three]");
  EXPECT_EQ(read("250-\r\n250\r\n"), "250 [|]");
  EXPECT_EQ(read("550-5.1.1 no\r\n550 5.1.1 such user\r\n"), "550 5.1.1 [no|such user]");
  EXPECT_EQ(read("550-5.1.1 no\r\n550 5.1.2 x\r\n"), "550 5.1.1 [no|5.1.2 x]");
  EXPECT_EQ(read("550-no\r\n550 5.1.2 x\r\n"), "550 [no|5.1.2 x]");
  EXPECT_EQ(read("250-one\r\n"), "...");
}

TEST(SmtpReplyReader, ControlOctetsDoNotGetThrough) {
  EXPECT_EQ(read("250 a\0b\x1b[2J\xff\r\n"s), "250 [a?b?[2J\xff]");
}

TEST(SmtpReplyReader, WhatIsNoReplyIsAFault) {
  for (const char* bad :
       {"\r\n", "hello\r\n", "25\r\n", "2x0 ok\r\n", "250_ok\r\n", "-50 x\r\n", "2500 x\r\n"}) {
    EXPECT_EQ(read(bad), "fault: a line that is no reply") << bad;
  }
  EXPECT_EQ(read("250-a\r\n251 b\r\n"), "fault: a reply with different codes");
  EXPECT_EQ(read("250 a\n\r\n"), "fault: a reply with a bare CR or LF");
  EXPECT_EQ(read("250 a\r250 b\r\n"), "fault: a reply with a bare CR or LF");
  EXPECT_EQ(read("250 a\n"), "...");
}

TEST(SmtpReplyReader, EverythingIsBounded) {
  const SmtpReplyLimits limits{.line_octets = 20, .lines = 3, .text_octets = 10};
  EXPECT_EQ(read("250 " + std::string(14, 'x') + "\r\n", 4096, limits), "250 [xxxxxxxxxx]");
  EXPECT_EQ(read("250 " + std::string(15, 'x') + "\r\n", 4096, limits),
            "fault: a reply line that is too long");
  EXPECT_EQ(read("250-abcdef\r\n250-ghijkl\r\n250 m\r\n", 4096, limits), "250 [abcdef|ghi]");
  EXPECT_EQ(read("250-a\r\n250-b\r\n250-c\r\n250 d\r\n", 4096, limits),
            "fault: a reply of too many lines");
}

TEST(SmtpReplyReader, NothingDependsOnWhereThePiecesSplit) {
  for (std::string_view in :
       {"250-one\r\n250-2.0.0 two\r\n250 three\r\n220 x\r\n55", "250-a\r\n251 b\r\n", "250 a\r\r\n",
        "250\r\n250 \r\n250-\r\n250 5.5.5\r\n"}) {
    for (std::size_t piece : {1, 2, 3}) EXPECT_EQ(read(in, piece), read(in)) << in;
  }
}

TEST(SmtpReply, ItsFirstDigitSaysWhatToDo) {
  EXPECT_TRUE(SmtpReply{.code = 299}.positive());
  EXPECT_TRUE(SmtpReply{.code = 354}.wants_more());
  EXPECT_TRUE(SmtpReply{.code = 499}.transient());
  EXPECT_TRUE(SmtpReply{.code = 554}.permanent());
  const SmtpReply odd{.code = 650};
  EXPECT_FALSE(odd.positive() || odd.wants_more() || odd.transient() || odd.permanent());
}

TEST(SmtpReply, PrintsALineForEachLine) {
  EXPECT_EQ(print_reply(250, {}, "ok"), "250 ok\r\n");
  EXPECT_EQ(print_reply(250, {}, ""), "250 \r\n");
  EXPECT_EQ(print_reply(250, {}, "one\ntwo"), "250-one\r\n250 two\r\n");
  EXPECT_EQ(print_reply(250, {}, "one\n\ntwo\n"), "250-one\r\n250-\r\n250 two\r\n");
  EXPECT_EQ(print_reply(550, StatusCode{5, 1, 1}, "no\nsuch user"),
            "550-5.1.1 no\r\n550 5.1.1 such user\r\n");
}

TEST(SmtpReply, HoldsPrintableAsciiOnly) {
  EXPECT_EQ(print_reply(250, {}, "a\r250 b\0\x1b\x7f\xc3\xbc"s), "250 a?250 b?????\r\n");
  EXPECT_EQ(print_reply(250, {}, "b\xc3\xbc", true), "250 b\xc3\xbc\r\n");
  EXPECT_EQ(print_reply(250, {}, "b\xc3\xbc\xff", true), "250 b???\r\n");
}

TEST(SmtpReply, LinesHaveAtMost512Octets) {
  const std::string longest(506, 'x');
  EXPECT_EQ(print_reply(250, {}, longest), "250 " + longest + "\r\n");
  EXPECT_EQ(print_reply(250, {}, longest + "y"), "250-" + longest + "\r\n250 y\r\n");
  const std::string begin(490, 'x');
  EXPECT_EQ(print_reply(250, {}, begin + " " + begin),
            "250-" + begin + " \r\n250 " + begin + "\r\n");
  // Never inside a character.
  const std::string odd = std::string(505, 'x') + "\xc3\xbcz";
  EXPECT_EQ(print_reply(250, {}, odd, true), "250-" + odd.substr(0, 505) + "\r\n250 \xc3\xbcz\r\n");
  EXPECT_EQ(print_reply(550, StatusCode{5, 1, 1}, std::string(501, 'x')).size(), 512u + 13u);
}

}  // namespace
}  // namespace porpoise::mail
