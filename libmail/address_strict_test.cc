#include <fmt/format.h>
#include <gtest/gtest.h>

#include "libmail/address.h"

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

// "ok", or "at N: text".
std::string verdict(std::string_view body) {
  const auto fault = strict_fault(body);
  const auto list = parse_addresses_strictly(body);
  EXPECT_EQ(list.has_value(), !fault) << body;
  if (!fault) return "ok";
  EXPECT_EQ(list.error().text, fault->text);
  return fmt::format("at {}: {}", fault->at, fault->text);
}

TEST(StrictAddress, TakesTheGrammarWithItsObsoleteForms) {
  for (const std::string& body : {
           ""s,
           " (nobody) "s,
           "a@b"s,
           "a@b, c@d"s,
           "a.b@c.d"s,
           "\"a b\"@c"s,
           "\"\"@c"s,
           "a.\"b c\" . d@x . y"s,
           "a@[1.2.3.4]"s,
           "a@[ 1 \\] ]"s,
           "a@[]"s,
           "<a@b>"s,
           "A <a@b>"s,
           "A B. C <a@b>"s,
           "A.. <a@b>"s,
           "\"A\"\"B\" <a@b>"s,
           "A(c)B <a@b>"s,
           "(a (b) \\) c) d@x.test"s,
           "<@r:a@b>"s,
           "< , (x) , @r , , @[s] , : a@b>"s,
           "g: ;"s,
           "g: , , ;"s,
           "g: a@b, B <c@d>,, ;, e@f"s,
           "G H (x): a@b; (y)"s,
           ",, a@b ,, (c) ,"s,
           "a (c) . b@x . test"s,
           "a@b\n"s,
           "a@b,\r\n \r\n\tc@d\r\n"s,
           "(a\n b) joe@x.test"s,
           "\"a\r\n b\" <c@d>"s,
           "\"a\x01\x7f\\\x02\"@b"s,
           "(\x01\\\0\\\r\\\n) a@b"s,
           "\"\\\r\\\n\\\0\" <a@b>"s,
           "j\u00f6@\u00f6.test"s,
           "(\u00f6) \"\u00f6\\\u00f6\" <a@[\u00f6]>"s,
           "=?utf-8?q?x?= <a@b>"s,
           "!#$%&'*+-/=?^_`{|}~@x"s,
       }) {
    EXPECT_EQ(verdict(body), "ok") << body;
    const auto strict = parse_addresses_strictly(body);
    const auto lenient = parse_addresses(body);
    ASSERT_TRUE(strict && lenient) << body;
    EXPECT_EQ(strict->mailboxes.size(), lenient->mailboxes.size());
  }
}

TEST(StrictAddress, SaysWhatItExpectedWhere) {
  EXPECT_EQ(verdict("joe"), "at 3: expected \"@\", not the end");
  EXPECT_EQ(verdict("joe, a@b"), "at 3: expected \"@\", not \", a@b\"");
  EXPECT_EQ(verdict("djb fred"), "at 8: expected \"<\" or \":\", not the end");
  EXPECT_EQ(verdict("a b@c"), "at 3: expected \"<\" or \":\", not \"@c\"");
  EXPECT_EQ(verdict("a..b@c"), "at 4: expected \"<\" or \":\", not \"@c\"");
  EXPECT_EQ(verdict("a.@c"), "at 2: expected \"<\" or \":\", not \"@c\"");
  EXPECT_EQ(verdict(".a@c"), "at 0: expected an address, not \".a@c\"");
  EXPECT_EQ(verdict("@a"), "at 0: expected an address, not \"@a\"");
  EXPECT_EQ(verdict(","), "at 1: expected an address, not the end");
  EXPECT_EQ(verdict("a@"), "at 2: expected a domain, not the end");
  EXPECT_EQ(verdict("a@\"b\""), "at 2: expected a domain, not \"\"b\"\"");
  EXPECT_EQ(verdict("a@b."), "at 4: expected a domain, not the end");
  EXPECT_EQ(verdict("a@b..c"), "at 4: expected a domain, not \".c\"");
  EXPECT_EQ(verdict("a@b@c"), "at 3: expected a comma, not \"@c\"");
  EXPECT_EQ(verdict("a@b c@d"), "at 4: expected a comma, not \"c@d\"");
  EXPECT_EQ(verdict("a@b (x) <c@d>"), "at 8: expected a comma, not \"<c@d>\"");
  EXPECT_EQ(verdict("a@b;"), "at 3: expected a comma, not \";\"");
  EXPECT_EQ(verdict("a@b.[1]"), "at 4: expected a domain, not \"[1]\"");
  EXPECT_EQ(verdict("a@[1].b"), "at 5: expected a comma, not \".b\"");
  EXPECT_EQ(verdict("a)b@c"), "at 1: expected \"@\", not \")b@c\"");
  EXPECT_EQ(verdict("a\\b@c"), "at 1: expected \"@\", not \"\\b@c\"");
}

TEST(StrictAddress, AngleBracketsHoldARouteAndAnAddress) {
  EXPECT_EQ(verdict("<>"), "at 1: expected a local part, not \">\"");
  EXPECT_EQ(verdict("<a>"), "at 2: expected \"@\", not \">\"");
  EXPECT_EQ(verdict("<a@b"), "at 4: expected \">\", not the end");
  EXPECT_EQ(verdict("<a b@c>"), "at 3: expected \"@\", not \"b@c>\"");
  EXPECT_EQ(verdict("<a@b c>"), "at 5: expected \">\", not \"c>\"");
  EXPECT_EQ(verdict("<<a@x.test>>"), "at 1: expected a local part, not \"<a@x.test>>\"");
  EXPECT_EQ(verdict("a@b>"), "at 3: expected a comma, not \">\"");
  EXPECT_EQ(verdict("A <a@b> c"), "at 8: expected a comma, not \"c\"");
  EXPECT_EQ(verdict("<@a>"), "at 3: expected a comma or \":\", not \">\"");
  EXPECT_EQ(verdict("<@a,b:c@d>"), "at 4: expected \"@\" or \":\", not \"b:c@d>\"");
  EXPECT_EQ(verdict("<,a@b>"), "at 2: expected \"@\" or a comma, not \"a@b>\"");
  EXPECT_EQ(verdict("<@a:@b:c@d>"), "at 4: expected a local part, not \"@b:c@d>\"");
  EXPECT_EQ(verdict("<@a:>"), "at 4: expected a local part, not \">\"");
  EXPECT_EQ(verdict("@a:b@c"), "at 0: expected an address, not \"@a:b@c\"");
}

TEST(StrictAddress, GroupsHoldMailboxesAndEnd) {
  EXPECT_EQ(verdict("g:"), "at 2: expected an address or \";\", not the end");
  EXPECT_EQ(verdict("g: a@b"), "at 6: expected a comma or \";\", not the end");
  EXPECT_EQ(verdict("g: a;"), "at 4: expected \"@\", not \";\"");
  EXPECT_EQ(verdict("g: a b;"), "at 6: expected \"<\", not \";\"");
  EXPECT_EQ(verdict("g: h: a@b;;"), "at 4: expected \"@\", not \": a@b;;\"");
  EXPECT_EQ(verdict("g: a@b; h: c@d;"), "at 8: expected a comma, not \"h: c@d;\"");
  EXPECT_EQ(verdict(": a@b;"), "at 0: expected an address, not \": a@b;\"");
  EXPECT_EQ(verdict(".g: a@b;"), "at 0: expected an address, not \".g: a@b;\"");
}

TEST(StrictAddress, WhatIsOpenedIsClosed) {
  EXPECT_EQ(verdict("(a"), "at 2: expected \")\", not the end");
  EXPECT_EQ(verdict("(a (b) c@d"), "at 10: expected \")\", not the end");
  EXPECT_EQ(verdict("\"a"), "at 2: expected '\"', not the end");
  EXPECT_EQ(verdict("\"a\\"), "at 3: expected an octet to quote, not the end");
  EXPECT_EQ(verdict("a@[b"), "at 4: expected \"]\", not the end");
  EXPECT_EQ(verdict("a@[b[c]"), "at 4: expected \"]\", not \"[c]\"");
  EXPECT_EQ(verdict("a@b)"), "at 3: expected a comma, not \")\"");
}

TEST(StrictAddress, OctetsThatNothingAllowsAreRefused) {
  EXPECT_EQ(verdict("a\xf6@b"), "at 1: expected UTF-8, not \"\ufffd@b\"");
  EXPECT_EQ(verdict("(\xf6) a@b"), "at 1: expected UTF-8, not \"\ufffd) a@b\"");
  EXPECT_EQ(verdict("\"\\\xf6\"@b"), "at 2: expected UTF-8, not \"\ufffd\"@b\"");
  EXPECT_EQ(verdict("a@\xc3"), "at 2: expected UTF-8, not \"\ufffd\"");
  EXPECT_EQ(verdict("\"a\0\"@b"s), "at 2: expected '\"', not \"?\"@b\"");
  EXPECT_EQ(verdict("a\x01@b"), "at 1: expected \"@\", not \"?@b\"");
  EXPECT_EQ(verdict("a@b\nc@d"), "at 3: expected a fold, not a line end");
  EXPECT_EQ(verdict("a@b\r c@d"), "at 3: expected a fold, not a line end");
  EXPECT_EQ(verdict("a@b,\r\n\r\n c@d"), "at 4: expected a fold, not a line end");
  EXPECT_EQ(verdict("\"a\nb\"@c"), "at 2: expected a fold, not a line end");
}

TEST(StrictAddress, NoEnvelopeCanCarryNulOrALineEnd) {
  EXPECT_EQ(verdict("\"a\\\0\"@b"s),
            "at 2: expected no NUL, CR or LF in an address, not \"\\?\"@b\"");
  EXPECT_EQ(verdict("<\"\\\n\"@b>"),
            "at 2: expected no NUL, CR or LF in an address, not \"\\ \"@b>\"");
  EXPECT_EQ(verdict("a@[\\\r]"), "at 3: expected no NUL, CR or LF in an address, not \"\\]\"");
  EXPECT_EQ(verdict("(\\\0) a (\\\0) @b"s), "ok");
}

TEST(StrictAddress, DeepNestingNeedsNoStack) {
  const std::string deep(1'000'000, '(');
  EXPECT_EQ(verdict(deep), "at 1000000: expected \")\", not the end");
  EXPECT_EQ(verdict(deep + std::string(1'000'000, ')') + "a@b"), "ok");
}

}  // namespace
}  // namespace porpoise::mail
