#include "libmail/address_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "libmail/encoded_word.h"

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

std::string field(std::string_view body) {
  const auto list = parse_addresses(body);
  return list ? print_field("To", *list) : fmt::format("fault: {}", list.error().text);
}

TEST(AddressText, OnlyWhatMustBeQuotedIs) {
  EXPECT_EQ(quote_address(""), "");
  EXPECT_EQ(quote_address("joe@x.y"), "joe@x.y");
  EXPECT_EQ(quote_address("joe"), "joe");
  EXPECT_EQ(quote_address("#@[]"), "#@[]");
  EXPECT_EQ(quote_address("a!b%c{d}+e=f@x"), "a!b%c{d}+e=f@x");
  EXPECT_EQ(quote_address("j\xc3\xb6@x"), "j\xc3\xb6@x");
}

TEST(AddressText, EachSpecialOctetOfALocalPartNeedsQuotes) {
  for (const char c : "\"(),:;<>@[\\] \t\n\r\x01\x7f\xff"s) {
    const std::string inside = c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    EXPECT_EQ(quote_address(fmt::format("a{}b@x", c)), fmt::format("\"a{}b\"@x", inside)) << int(c);
  }
  EXPECT_EQ(quote_address("@x"), "\"\"@x");
  EXPECT_EQ(quote_address(".a@x"), "\".a\"@x");
  EXPECT_EQ(quote_address("a.@x"), "\"a.\"@x");
  EXPECT_EQ(quote_address("a..b@x"), "\"a..b\"@x");
  EXPECT_EQ(quote_address("joe-@h-@[]"), "\"joe-@h-\"@[]");
  EXPECT_EQ(quote_address("a@[x]y]"), "a@[x\\]y]");
}

TEST(AddressText, EveryEnvelopeAddressReadsBackFromItsPrint) {
  for (const std::string& address :
       {"joe@x.y"s, "a b@x"s, "a\"b\\c@x"s, ".@x"s, "@x"s, "a@b@c"s, "\xff\xfe@x"s, "a\x01@x"s,
        "a-@b-@[]"s, "\t@x"s, "a@[x]y]"s, "a@[\\]"s, "J\xc3\xb6@\xc3\xb6.y"s}) {
    const auto list = parse_addresses("<" + quote_address(address) + ">");
    ASSERT_TRUE(list) << address << ": " << list.error().text;
    EXPECT_EQ(envelope_address(list->mailboxes[0]), address);
  }
}

TEST(AddressText, APhraseIsQuotedWhereItsWordsAreNoAtoms) {
  EXPECT_EQ(print_phrase("Joe Doe"), "Joe Doe");
  EXPECT_EQ(print_phrase("J\xc3\xb6rg"), "J\xc3\xb6rg");
  EXPECT_EQ(print_phrase("Joe Q. Doe"), "\"Joe Q. Doe\"");
  EXPECT_EQ(print_phrase(""), "\"\"");
  EXPECT_EQ(print_phrase("a  b"), "\"a  b\"");
  EXPECT_EQ(print_phrase(" a"), "\" a\"");
  EXPECT_EQ(print_phrase("a \"b\" \\"), "\"a \\\"b\\\" \\\\\"");
  EXPECT_EQ(print_phrase("a\nBcc: x"), "\"a Bcc: x\"");
  EXPECT_EQ(print_phrase("a\r\0\x1b\x7f"s), "\"a    \"");
}

TEST(AddressText, APhraseForAnAsciiHeaderIsEncodedWhereItMustBe) {
  EXPECT_EQ(print_encoded_phrase("Joe Doe"), "Joe Doe");
  EXPECT_EQ(print_encoded_phrase("J\xc3\xb6rg M. (x)"), "=?utf-8?q?J=C3=B6rg_M=2E_=28x=29?=");
  EXPECT_EQ(print_encoded_phrase("J\xf6rg"), "=?unknown-8bit?q?J=F6rg?=");
  EXPECT_EQ(print_encoded_phrase("\xc3\xb6\nBcc: x"), "=?utf-8?q?=C3=B6_Bcc=3A_x?=");
  EXPECT_EQ(print_encoded_phrase("?=\xc3\xb6=_"), "=?utf-8?q?=3F=3D=C3=B6=3D=5F?=");
}

TEST(AddressText, ACommentEndsWhereItShould) {
  EXPECT_EQ(print_comment("Joe Q. Doe"), "(Joe Q. Doe)");
  EXPECT_EQ(print_comment("a) (b\\"), "(a\\) \\(b\\\\)");
  EXPECT_EQ(print_comment("a\nBcc: x"), "(a Bcc: x)");
  EXPECT_EQ(print_comment("\xc3\xb6)"), "(=?utf-8?q?=C3=B6=29?=)");
}

TEST(AddressText, EncodedWordsAreShortAndHoldWholeCharacters) {
  std::string name;
  for (int i = 0; i < 30; ++i) name += "\xe2\x82\xac";
  const std::string phrase = print_encoded_phrase(name);
  for (std::size_t at = 0; at < phrase.size();) {
    const std::size_t end = std::min(phrase.find(' ', at), phrase.size());
    EXPECT_LE(end - at, 75u);
    EXPECT_TRUE(is_utf8(decode_words(phrase.substr(at, end - at))));
    at = end + 1;
  }
  EXPECT_EQ(decode_words(phrase), name);
}

TEST(AddressText, LinesAreFoldedAtColumn78) {
  for (const std::size_t n : {50u, 61u, 62u, 63u, 70u}) {
    const std::string local(n, 'n');
    const bool fits = 4 + n + 4 + 2 + 5 <= 78;  // "To: " nnn "@x.y" ", " "b@x.y"
    EXPECT_EQ(field(local + "@x.y, b@x.y"),
              "To: " + local + "@x.y," + (fits ? " " : "\n  ") + "b@x.y\n")
        << n;
  }
}

TEST(AddressText, TheCommaCountsForTheFold) {
  const std::string a(60, 'a');
  EXPECT_EQ(field(a + "@x.yz, bb@x.y, c"), "To: " + a + "@x.yz, bb@x.y,\n  c\n");
  EXPECT_EQ(field(a + "@x.yzz, bb@x.y, c"), "To: " + a + "@x.yzz,\n  bb@x.y, c\n");
  EXPECT_EQ(field(a + "@x.yzz, bb@x.y"), "To: " + a + "@x.yzz, bb@x.y\n");
}

TEST(AddressText, ALongItemIsFoldedBetweenWordsNeverInsideQuotes) {
  const std::string words = "\"" + std::string(40, 'q') + " " + std::string(40, 'q') + "\"";
  EXPECT_EQ(field("x@y.z, " + words + " (comment here) <a@b.c>"),
            "To: x@y.z,\n  " + words + "\n  (comment here) <a@b.c>\n");
  const std::string longest(200, 'l');
  EXPECT_EQ(field("a, " + longest + ", b"), "To: a,\n  " + longest + ",\n  b\n");
  EXPECT_EQ(field(longest), "To: " + longest + "\n");
  const std::string quotes = "\"" + std::string(60, 'q') + " \\\" " + std::string(60, 'q') + "\"";
  EXPECT_EQ(field(quotes + "@x.y"), "To: " + quotes + "@x.y\n");
  EXPECT_EQ(field(quotes + " <a@[1  2]>"), "To: " + quotes + "\n  <a@[1  2]>\n");
}

TEST(AddressText, GroupsFoldLikeLists) {
  std::string members;
  for (int i = 0; i < 8; ++i) members += fmt::format("{}member{}@x.test", i > 0 ? ", " : "", i);
  EXPECT_EQ(field("g: " + members + "; (c)"),
            "To: g: member0@x.test, member1@x.test, member2@x.test, member3@x.test,\n"
            "  member4@x.test, member5@x.test, member6@x.test, member7@x.test; (c)\n");
  EXPECT_EQ(field("g:;"), "To: g: ;\n");
}

TEST(AddressText, AnEmptyListIsAnEmptyField) {
  EXPECT_EQ(field(""), "To:\n");
}

TEST(AddressText, Utf8IsKnownFromWhatIsNot) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xc3\xb6\xe2\x82\xac\xf0\x9f\x90\xac"));
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace porpoise::mail
