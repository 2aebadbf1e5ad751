#include "libmail/message_id.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <set>

namespace porpoise::mail {
namespace {

TEST(MessageId, SaysWhenWhoAndWhere) {
  EXPECT_EQ(make_message_id({1795234794123456, 4711, 0}, "here.test"),
            "<20261121041954.123456.4711.0000000000000@here.test>");
  EXPECT_EQ(make_message_id({1795234794000007, 1, ~std::uint64_t{0}}, "h"),
            "<20261121041954.000007.1.fzzzzzzzzzzzz@h>");
}

TEST(MessageId, AMomentBefore1970CountsUpwardsToo) {
  EXPECT_EQ(make_message_id({-1, 1, 1}, "h"), "<19691231235959.999999.1.0000000000001@h>");
}

TEST(MessageId, DiffersWherePidAndTimeAreTheSame) {
  std::set<std::string> seen;
  for (std::uint64_t random = 0; random < 10000; ++random) {
    seen.insert(make_message_id({1795234794000000, 1, random << 40 | random}, "h"));
  }
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(MessageId, HoldsOnlyWhatMayStandUnquoted) {
  const std::string id = make_message_id({1795234794123456, 99, 0x123456789abcdef0}, "a.b-c");
  EXPECT_EQ(id.front(), '<');
  EXPECT_EQ(id.back(), '>');
  EXPECT_EQ(id.find_first_not_of("<>@.-0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
}

std::string read(std::string_view body, MessageIdMode mode) {
  const auto id = parse_message_id(body, mode);
  return id ? *id : fmt::format("{} {}", id.error().at, id.error().text);
}
std::string strict(std::string_view body) {
  return read(body, MessageIdMode::strict);
}
std::string lenient(std::string_view body) {
  return read(body, MessageIdMode::lenient);
}
std::string both(std::string_view body) {
  EXPECT_EQ(lenient(body), strict(body));
  return strict(body);
}

TEST(MessageId, ReadsWhatItWrites) {
  const std::string id = make_message_id({1795234794123456, 4711, 42}, "h.test");
  EXPECT_EQ("<" + both(" " + id + "\n") + ">", id);
}

TEST(MessageId, ReadsTheFormsOfRfc5322) {
  EXPECT_EQ(both(" <1234@local.machine.example>\r\n"), "1234@local.machine.example");
  EXPECT_EQ(both("<5678.21-Nov-1997@example.com>"), "5678.21-Nov-1997@example.com");
  EXPECT_EQ(both("<testabcd.1234@silly.test>"), "testabcd.1234@silly.test");
  EXPECT_EQ(both("<a@[no.fold:literal]>"), "a@[no.fold:literal]");
}

TEST(MessageId, ReadsObsoleteForms) {
  EXPECT_EQ(both("(c) < a . b (d) @ x (e\r\n f) . y > (z)"), "a.b@x.y");
  EXPECT_EQ(both("<\"a>\\\" b\".c@x.y>"), "\"a>\\\" b\".c@x.y");
  EXPECT_EQ(both("<a@[1.2.3.4\\]]>"), "a@[1.2.3.4\\]]");
  EXPECT_EQ(both("<\xc3\xb6@x.y>"), "\xc3\xb6@x.y");
}

TEST(MessageId, StrictNamesWhatIsWrongAndWhere) {
  EXPECT_EQ(both(""), "0 expected \"<\", not the end");
  EXPECT_EQ(both("<"), "1 expected a word, not the end");
  EXPECT_EQ(both("<>"), "1 expected a word, not \">\"");
  EXPECT_EQ(strict("<a>"), "2 expected \"@\", not \">\"");
  EXPECT_EQ(strict("<a@>"), "3 expected a part of a domain, not \">\"");
  EXPECT_EQ(strict("<@b>"), "1 expected a word, not \"@b>\"");
  EXPECT_EQ(strict("<a..b@c>"), "3 expected a word, not \".b@c>\"");
  EXPECT_EQ(strict("<a@b@c>"), "4 expected \">\", not \"@c>\"");
  EXPECT_EQ(strict("<a@b"), "4 expected \">\", not the end");
  EXPECT_EQ(strict("<a@b> c"), "6 expected the end, not \"c\"");
  EXPECT_EQ(strict("a@b"), "0 expected \"<\", not \"a@b\"");
  EXPECT_EQ(strict("<a b@c>"), "3 expected \"@\", not \"b@c>\"");
  EXPECT_EQ(strict("<a@\"b\">"), "3 expected a part of a domain, not \"?b?>\"");
  EXPECT_EQ(strict("<a@[b>"), "3 no \"]\" closes this literal");
  EXPECT_EQ(strict("<a@[b[c]>"), "5 \"[\" in a literal");
  EXPECT_EQ(strict("<\"a@b>"), "1 no \" closes this one");
  EXPECT_EQ(strict("<\"a\x01\"@b>"), "3 a control octet in an id");
  EXPECT_EQ(strict("<a@b> (c"), "6 no \")\" closes this comment");
  EXPECT_EQ(strict(std::string_view("<a\0b@c>", 7)), "2 expected \"@\", not \"?b@c>\"");
}

TEST(MessageId, ForgivesWhatRealMailHas) {
  EXPECT_EQ(lenient("<a>"), "a");
  EXPECT_EQ(lenient("<a..b@c@d>"), "a..b@c@d");
  EXPECT_EQ(lenient(" a@b\n"), "a@b");
  EXPECT_EQ(lenient("<a\r\n b@c>"), "ab@c");
  EXPECT_EQ(lenient("<a@[b>"), "a@[b");
  EXPECT_EQ(lenient("<a@b> c"), "a@b");
  EXPECT_EQ(lenient("<a@b"), "4 expected \">\", not the end");
  EXPECT_EQ(lenient("<a <b>"), "3 expected \"@\", not \"<b>\"");
  EXPECT_EQ(lenient("<a\x01>"), "2 expected \"@\", not \"?>\"");
  EXPECT_EQ(lenient("a b"), "0 expected \"<\", not \"a\"");
}

std::string found(std::string_view body) {
  return fmt::format("{}", fmt::join(find_message_ids(body), " "));
}

// R822-4.6.2-in-reply-to-syntax
TEST(MessageId, IdsAreFoundBetweenWords) {
  EXPECT_EQ(found("Your note of Monday <a@x.test>"), "a@x.test");
  EXPECT_EQ(found("<a@b> <c@d>\r\n <e@f>\r\n"), "a@b c@d e@f");
  EXPECT_EQ(found("<a@b>,<c@d><e@f>"), "a@b c@d e@f");
  EXPECT_EQ(found("\"a <b> c\" (was <d@e> (f)) <g@h>"), "g@h");
  EXPECT_EQ(found("\"\\\"<b>\" \\( <g@h>"), "g@h");
  EXPECT_EQ(found("Message of 1 Jan"), "");
  EXPECT_EQ(found(""), "");
}

TEST(MessageId, WhatIsNoIdIsPassedOver) {
  EXPECT_EQ(found("<> < > <a <b@c> <d"), "b@c");
  EXPECT_EQ(found("<a\x01@b> <c@d>"), "c@d");
  EXPECT_EQ(found("(no end <a@b>"), "a@b");
  EXPECT_EQ(found("it's 5\" long <a@b>"), "a@b");
}

}  // namespace
}  // namespace porpoise::mail
