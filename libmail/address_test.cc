#include "libmail/address.h"

#include <gtest/gtest.h>

#include "libmail/address_text.h"
#include "libmail/header.h"
#include "libmail/qualify.h"

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

// The parse of `body`: for each mailbox `display|local|domain|group|comments`, in lines; groups
// without members as `group:;`. An error reads "at N: text".
std::string parsed(std::string_view body, AddressLimits limits = {}) {
  const auto list = parse_addresses(body, limits);
  if (!list) {
    EXPECT_LE(list.error().at, body.size());
    return fmt::format("at {}: {}", list.error().at, list.error().text);
  }
  std::string text;
  const auto add = [&](std::string_view piece) {
    text.append(text.empty() ? "" : " ").append(piece);
  };
  auto group = list->groups.begin();
  const auto close_groups = [&](std::size_t i, bool open) {
    for (; group != list->groups.end() && group->first + group->size == i; ++group) {
      if (group->size == 0) add(group->name + ":");
      text += ";";
      for (const std::string& comment : group->comments) text += comment;
    }
    if (open && group != list->groups.end() && group->first == i) add(group->name + ":");
  };
  for (std::size_t i = 0; i < list->mailboxes.size(); ++i) {
    const Mailbox& m = list->mailboxes[i];
    close_groups(i, true);
    EXPECT_EQ(m.group == Mailbox::kNoGroup, group == list->groups.end() || i < group->first);
    std::string one = "{" + m.display + (m.angle ? "|<" : "|") + m.local + "|" + m.domain;
    for (const std::string& comment : m.comments) one += "|" + comment;
    add(one + "}");
  }
  close_groups(list->mailboxes.size(), false);
  return text;
}

const Hosts kHosts = {"mx.example.org", "example.org", "org"};

// What inject makes of the field `To: BODY`: the field as it goes out, then the envelope.
struct Rewritten {
  std::string field;
  std::string envelope;
  bool operator==(const Rewritten&) const = default;
};
void PrintTo(const Rewritten& r, std::ostream* out) {
  *out << "\n  field:    " << r.field << "\n  envelope: " << r.envelope;
}

Rewritten rewritten(std::string_view body) {
  auto list = parse_addresses(body);
  if (!list) return {fmt::format("at {}: {}", list.error().at, list.error().text), ""};
  bool changed = list->repaired;
  std::string envelope;
  for (Mailbox& m : list->mailboxes) {
    if (qualify(m, kHosts)) changed = true;
    envelope.append(envelope.empty() ? "" : " ").append(envelope_address(m));
  }
  if (!changed) return {"unchanged", envelope};
  const std::string field = print_field("To", *list);
  EXPECT_EQ(field.substr(0, 4), "To: ");
  return {field.substr(4, field.size() - 5), envelope};
}

// ---- every row of reference 1.9, with what is mended written beside it

TEST(Address, TheSampleTableOfTheReference) {
  // Order in the envelope: everywhere the written one (qmail: right to left).
  EXPECT_EQ(rewritten("djb fred"), (Rewritten{"djb@mx.example.org, fred@mx.example.org",
                                              "djb@mx.example.org fred@mx.example.org"}));
  EXPECT_EQ(rewritten("a@b, c@d (S), A P <e@f>, grp: g@h;"),
            (Rewritten{"a@b.example.org, c@d.example.org (S), A P <e@f.example.org>,\n"
                       "  grp: g@h.example.org;",
                       "a@b.example.org c@d.example.org e@f.example.org g@h.example.org"}));
  // Nothing in it had to change, so it stays as written (qmail: a@b.c (x) (y)).
  EXPECT_EQ(rewritten("a (x) @ (y) b . c"), (Rewritten{"unchanged", "a@b.c"}));
  EXPECT_EQ(rewritten("a (x) @ (y) b"), (Rewritten{"a@b.example.org (x) (y)", "a@b.example.org"}));
  // The comment stays with the address it follows (qmail: with the next).
  EXPECT_EQ(rewritten("<a@b.c> (n) more"),
            (Rewritten{"<a@b.c> (n), more@mx.example.org", "a@b.c more@mx.example.org"}));
  // Parentheses inside comments survive (qmail: (abc)).
  EXPECT_EQ(rewritten("(a(b(c)))x"), (Rewritten{"x@mx.example.org (a(b(c)))", "x@mx.example.org"}));
  // Quotes that mean nothing go when a field is printed anew.
  EXPECT_EQ(rewritten("a \"b\"@c"),
            (Rewritten{"a@mx.example.org, b@c.example.org", "a@mx.example.org b@c.example.org"}));
  // The commas are inserted (qmail: <b@..>z <c@..>).
  EXPECT_EQ(rewritten("x <a>, y <b> z <c>"),
            (Rewritten{"x <a@mx.example.org>, y <b@mx.example.org>, z <c@mx.example.org>",
                       "a@mx.example.org b@mx.example.org c@mx.example.org"}));
  // Both are mailed (qmail: only b).
  EXPECT_EQ(rewritten("g: a; h: b;"), (Rewritten{"g: a@mx.example.org;, h: b@mx.example.org;",
                                                 "a@mx.example.org b@mx.example.org"}));
  // The blank in the phrase, where there is one, stays.
  EXPECT_EQ(rewritten("Smith, J. <u@v.w>"),
            (Rewritten{"Smith@mx.example.org, J. <u@v.w>", "Smith@mx.example.org u@v.w"}));
  // Empty elements go (qmail: they stay).
  EXPECT_EQ(rewritten("a, b, , c,"),
            (Rewritten{"a@mx.example.org, b@mx.example.org, c@mx.example.org",
                       "a@mx.example.org b@mx.example.org c@mx.example.org"}));
  // Brackets that do not pair are refused (qmail: guesses).
  EXPECT_EQ(rewritten("<a@b.c"), (Rewritten{"at 0: no \">\" closes this \"<\": \"<a@b.c\"", ""}));
  EXPECT_EQ(rewritten("a@b.c>"), (Rewritten{"at 5: a \">\" that closes nothing: \">\"", ""}));
  EXPECT_EQ(rewritten("<<a@b.c>>"), (Rewritten{"at 1: a \"<\" inside \"<>\": \"<a@b.c>>\"", ""}));
  EXPECT_EQ(rewritten("a@[1.2.3.4]"), (Rewritten{"unchanged", "a@[1.2.3.4]"}));
  EXPECT_EQ(rewritten("a@[]"), (Rewritten{"unchanged", "a@[]"}));
  // An "@" in a local part is quoted in a header.
  EXPECT_EQ(rewritten("a-@b.c-@[]"), (Rewritten{"\"a-@b.c-\"@[]", "a-@b.c-@[]"}));
  EXPECT_EQ(rewritten("\"\"@x.y"), (Rewritten{"unchanged", "@x.y"}));
}

// ---- tokens (reference 1.3)

TEST(Address, CommentsNestAndMayHoldQuotedPairs) {
  EXPECT_EQ(parsed("(a (b) \\) c) d@x.test"), "{|d|x.test|(a (b) \\) c)}");
  EXPECT_EQ(parsed("d@x.test (one) (two)"), "{|d|x.test|(one)|(two)}");
  EXPECT_EQ(parsed("(a\n b) joe@x.test"), "{|joe|x.test|(a b)}");
  EXPECT_EQ(parsed("(a\\\n) joe@x.test"), "{|joe|x.test|(a)}");
}

TEST(Address, QuotedTextMayHoldAnything) {
  EXPECT_EQ(parsed("\"a(b<c>,;:d\"@x.test"), "{|a(b<c>,;:d|x.test}");
  EXPECT_EQ(parsed("\"\\a\\b\"@x.test"), "{|ab|x.test}");
  EXPECT_EQ(parsed("\"a \\\" \\\\ b\"@x.test"), "{|a \" \\ b|x.test}");
  EXPECT_EQ(parsed("\"a\n b\" <e@x.test>"), "{a b|<e|x.test}");
  EXPECT_EQ(parsed("\"a\r\n b\" <e@x.test>"), "{a b|<e|x.test}");
  EXPECT_EQ(parsed("\"a\n b\"@x.test"), "{|a b|x.test}");
  EXPECT_EQ(parsed("\"A    B\" <e@x.test>"), "{A    B|<e|x.test}");
}

TEST(Address, LiteralsKeepTheirBlanksAndLoseTheirQuoting) {
  EXPECT_EQ(parsed("a@[x\\]y]"), "{|a|[x]y]}");
  EXPECT_EQ(parsed("a@[IPv6:2001:db8::1]"), "{|a|[IPv6:2001:db8::1]}");
  EXPECT_EQ(parsed("a@[ 1 . 2 ]"), "{|a|[ 1 . 2 ]}");
}

// RFC 822 section 6.1; RFC 5322 leaves a literal alone.
TEST(Address, ALiteralMayBePartOfADomain) {
  EXPECT_EQ(parsed("a@b.[1.2.3.4]"), "{|a|b.[1.2.3.4]}");
  EXPECT_EQ(parsed("a@[1] . b"), "{|a|[1].b}");
  EXPECT_EQ(rewritten("a@b.[1], x"),
            (Rewritten{"a@b.[1], x@mx.example.org", "a@b.[1] x@mx.example.org"}));
  // Two of them are printed as one with the same octets.
  EXPECT_EQ(rewritten("a@[1].[2], x"),
            (Rewritten{"a@[1\\].\\[2], x@mx.example.org", "a@[1].[2] x@mx.example.org"}));
}

// RFC 2047 wants the comma encoded; qmail and most others see two addresses.
TEST(Address, ACommaInAnEncodedWordSeparatesNothing) {
  EXPECT_EQ(rewritten("=?utf-8?Q?Doe,_J.?= <j@x.y>, b@x.y"),
            (Rewritten{"=?utf-8?Q?Doe=2C_J=2E?= <j@x.y>, b@x.y", "j@x.y b@x.y"}));
  EXPECT_EQ(parsed("A =?l1?q?B,;:.?= (c) <j@x.y>"), "{A =?l1?q?B=2C=3B=3A=2E?=|<j|x.y}");
  EXPECT_EQ(parsed("=?l1?q?J.B,C.?= <j@x.y>"), "{=?l1?q?J=2EB=2CC=2E?=|<j|x.y}");
  // Not so where it could hide an address, or is no encoded word, or ends a domain.
  EXPECT_EQ(parsed("=?utf-8?Q?a,b@c?= <j@x.y>"), "{|=?utf-8?Q?a|} {b@c?=|<j|x.y}");
  EXPECT_EQ(parsed("=?utf-8?Q?a,b c?= <j@x.y>"), "{|=?utf-8?Q?a|} {b c?=|<j|x.y}");
  EXPECT_EQ(parsed("=?utf-8?Q?a,b"), "{|=?utf-8?Q?a|} {|b|}");
  EXPECT_EQ(parsed("=?utf-8?b?a,b?= <j@x.y>"), "{|=?utf-8?b?a|} {b?=|<j|x.y}");
  EXPECT_EQ(parsed("=??q?a,b?= <j@x.y>"), "{|=??q?a|} {b?=|<j|x.y}");
  EXPECT_EQ(parsed("k@=?x?q?a,b?= <j@x.y>"), "{|k|=?x?q?a} {b?=|<j|x.y}");
}

TEST(Address, AtomsHoldWhatTheirUsersTypeIntoThem) {
  EXPECT_EQ(parsed("a!#$%&'*+-/=?^_`{|}~z@x.test"), "{|a!#$%&'*+-/=?^_`{|}~z|x.test}");
  EXPECT_EQ(parsed("j\xc3\xb6\x65@x.y"), "{|j\xc3\xb6\x65|x.y}");
  EXPECT_EQ(rewritten("j\xc3\xb6\x65@x"),
            (Rewritten{"j\xc3\xb6\x65@x.example.org", "j\xc3\xb6\x65@x.example.org"}));
  // Not UTF-8: quoted when printed, as qmail does with all octets from 128 on.
  EXPECT_EQ(rewritten("j\xf6\x65@x"),
            (Rewritten{"\"j\xf6\x65\"@x.example.org", "j\xf6\x65@x.example.org"}));
  EXPECT_EQ(rewritten("a)b"), (Rewritten{"\"a)b\"@mx.example.org", "a)b@mx.example.org"}));
  EXPECT_EQ(rewritten("a]b@x.y"), (Rewritten{"\"a]b\"@x.y", "a]b@x.y"}));
  EXPECT_EQ(rewritten("a\x01@x.y"), (Rewritten{"\"a\x01\"@x.y", "a\x01@x.y"}));
}

TEST(Address, ABackslashInAnAtomMeansTheSameToTheNextReader) {
  EXPECT_EQ(rewritten("a\\,b@x.y"), (Rewritten{"\"a,b\"@x.y", "a,b@x.y"}));
  EXPECT_EQ(rewritten("a\\ b@x"), (Rewritten{"\"a b\"@x.example.org", "a b@x.example.org"}));
  EXPECT_EQ(parsed("a\\(b <c@d>"), "{a(b|<c|d}");
}

TEST(Address, WhatCannotBeATokenIsRefusedWithItsPlace) {
  EXPECT_EQ(parsed("a, (b"), "at 3: no \")\" closes this comment: \"(b\"");
  EXPECT_EQ(parsed("a, (b (c)"), "at 3: no \")\" closes this comment: \"(b (c)\"");
  EXPECT_EQ(parsed("a, \"b"), "at 3: no '\"' closes this quoted text: \"\"b\"");
  EXPECT_EQ(parsed("a, \"b\\\""), "at 3: no '\"' closes this quoted text: \"\"b\\\"\"");
  EXPECT_EQ(parsed("a@[b"), "at 2: no \"]\" closes this \"[\": \"[b\"");
  EXPECT_EQ(parsed("a, )b"), "at 3: a \")\" that closes nothing: \")b\"");
  EXPECT_EQ(parsed("a, ]"), "at 3: a \"]\" that closes nothing: \"]\"");
  EXPECT_EQ(parsed("\"a\\"), "at 0: no '\"' closes this quoted text: \"\"a\\\"");
  EXPECT_EQ(parsed("joe\\\n"), "at 3: a backslash at the end of the line: \"\\\"");
  EXPECT_EQ(parsed("joe\\"), "at 3: a backslash at the end of the line: \"\\\"");
  EXPECT_EQ(parsed("<a(b"), "at 2: no \")\" closes this comment: \"(b\"");
  EXPECT_EQ(parsed("<a\\"), "at 2: a backslash at the end of the line: \"\\\"");
}

TEST(Address, NoAddressHoldsNulOrALineEnd) {
  EXPECT_EQ(parsed("\"a\0b\"@x"s), "at 0: NUL, CR or LF inside an address: \"\"a?b\"@x\"");
  EXPECT_EQ(parsed("a\0b@x"s), "at 0: NUL, CR or LF inside an address: \"a?b@x\"");
  EXPECT_EQ(parsed("\"a\nb\"@x"), "at 0: NUL, CR or LF inside an address: \"\"a b\"@x\"");
  EXPECT_EQ(parsed("\"a\rb\"@x"), "at 0: NUL, CR or LF inside an address: \"\"ab\"@x\"");
  EXPECT_EQ(parsed("a@[\n]"), "at 2: NUL, CR or LF inside an address: \"[ ]\"");
  EXPECT_EQ(parsed("a@x\0y"s), "at 2: not for a domain: \"x?y\"");
}

// ---- single addresses

TEST(Address, BlanksAndCommentsMayStandAnywhereBetweenTokens) {
  EXPECT_EQ(parsed("  joe   @   x . test  "), "{|joe|x.test}");
  EXPECT_EQ(parsed("a (c) . b@x . test"), "{|a.b|x.test|(c)}");
  EXPECT_EQ(parsed("joe(hi)@(there)x.test"), "{|joe|x.test|(hi)|(there)}");
  EXPECT_EQ(parsed("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"),
            "{Pete|<pete|silly.test|(his account)|(his host)}");
}

TEST(Address, QuotedAndPlainWordsJoinWithDots) {
  EXPECT_EQ(parsed("a.\"b c\".d@x.test"), "{|a.b c.d|x.test}");
  EXPECT_EQ(rewritten("a.\"b c\".d@x"),
            (Rewritten{"\"a.b c.d\"@x.example.org", "a.b c.d@x.example.org"}));
  EXPECT_EQ(rewritten("\"joe\"@x"), (Rewritten{"joe@x.example.org", "joe@x.example.org"}));
}

TEST(Address, DotsAndAtsInOddPlacesAreQuotedNotLost) {
  EXPECT_EQ(rewritten("a..b@x.y"), (Rewritten{"\"a..b\"@x.y", "a..b@x.y"}));
  EXPECT_EQ(rewritten(".a@x.y"), (Rewritten{"\".a\"@x.y", ".a@x.y"}));
  EXPECT_EQ(rewritten("a.@x.y"), (Rewritten{"\"a.\"@x.y", "a.@x.y"}));
  EXPECT_EQ(rewritten("a@b@c"), (Rewritten{"\"a@b\"@c.example.org", "a@b@c.example.org"}));
  EXPECT_EQ(rewritten("a!b%c@d.e"), (Rewritten{"unchanged", "a!b%c@d.e"}));
}

TEST(Address, AnAddressThatIsNoneIsRefused) {
  EXPECT_EQ(parsed("@host"), "at 0: an address without a local part: \"@host\"");
  EXPECT_EQ(parsed("<@host>"), "at 1: an address without a local part: \"@host>\"");
  EXPECT_EQ(parsed("<@>"), "at 1: an address without a local part: \"@>\"");
  EXPECT_EQ(parsed("@"), "at 0: an address without a local part: \"@\"");
  EXPECT_EQ(parsed("."), "at 0: an address without a local part: \".\"");
  EXPECT_EQ(parsed("a, .@x"), "at 3: an address without a local part: \".@x\"");
  EXPECT_EQ(parsed("a@@b@c"), "at 2: two \"@\" side by side: \"@b@c\"");
  EXPECT_EQ(parsed("a@@b"), "at 1: two \"@\" side by side: \"@@b\"");
  EXPECT_EQ(parsed("a@@"), "at 1: two \"@\" side by side: \"@@\"");
  EXPECT_EQ(parsed("@x@@"), "at 2: two \"@\" side by side: \"@@\"");
  EXPECT_EQ(parsed("a@b..c"), "at 4: an empty part of a domain: \".c\"");
  EXPECT_EQ(parsed("a@.b"), "at 2: an empty part of a domain: \".b\"");
  EXPECT_EQ(parsed("a@b.c.."), "at 5: an empty part of a domain: \"..\"");
  EXPECT_EQ(parsed("a@\"b\""), "at 2: not for a domain: \"\"b\"\"");
  EXPECT_EQ(parsed("a@b\\c"), "at 2: not for a domain: \"b\\c\"");
  EXPECT_EQ(parsed("a@b)"), "at 2: not for a domain: \"b)\"");
  EXPECT_EQ(parsed("[1.2.3.4]"), "at 0: a \"[\" before the \"@\": \"[1.2.3.4]\"");
  EXPECT_EQ(parsed("[a]@b"), "at 0: a \"[\" before the \"@\": \"[a]@b\"");
  EXPECT_EQ(parsed("a@[1] [2]"), "at 6: a \"[\" before the \"@\": \"[2]\"");
  EXPECT_EQ(parsed("<a@b.[1]c>"), "at 8: a blank inside an address: \"c>\"");
  EXPECT_EQ(parsed("a@[1]..b"), "at 6: an empty part of a domain: \".b\"");
}

TEST(Address, InsideAngleBracketsStandsOneAddress) {
  EXPECT_EQ(parsed("<a b@c>"), "at 3: a blank inside an address: \"b@c>\"");
  EXPECT_EQ(parsed("<a@b c>"), "at 5: a blank inside an address: \"c>\"");
  EXPECT_EQ(parsed("<a,b@c>"), "at 2: not for an address: \",b@c>\"");
  EXPECT_EQ(parsed("<a:b@c>"), "at 2: not for an address: \":b@c>\"");
  EXPECT_EQ(parsed("<a@b,c@d>"), "at 4: not for an address: \",c@d>\"");
  EXPECT_EQ(parsed("<a@b;>"), "at 4: a \";\" inside \"<>\": \";>\"");
  EXPECT_EQ(parsed("x <a@b"), "at 2: no \">\" closes this \"<\": \"<a@b\"");
}

TEST(Address, TheNullPathIsAnAddressOfNobody) {
  const auto list = parse_addresses(" <> ");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->mailboxes.size(), 1u);
  EXPECT_TRUE(list->mailboxes[0].null);
  EXPECT_EQ(rewritten("<>"), (Rewritten{"unchanged", ""}));
  EXPECT_EQ(parsed("Mail System <(x)>"), "{Mail System|<||(x)}");
}

TEST(Address, RoutesAreReadAndIgnored) {
  EXPECT_EQ(rewritten("<@r1,@r2:joe@x.y>"), (Rewritten{"<joe@x.y>", "joe@x.y"}));
  EXPECT_EQ(parsed("<@relay1.test,@relay2.test,@relay3.test:user@domain.test>"),
            "{|<user|domain.test}");
  EXPECT_EQ(parsed("Joe <@a.test : joe (x) @ b>"), "{Joe|<joe|b|(x)}");
  // All of them (qmail: only the first, and then mails @b:c@d.e).
  EXPECT_EQ(rewritten("<@a:@b:c@d.e>"), (Rewritten{"<c@d.e>", "c@d.e"}));
  // Empty hops (RFC 5322 section 4.4).
  EXPECT_EQ(rewritten("<,@a,,@b:c@d.e>"), (Rewritten{"<c@d.e>", "c@d.e"}));
  EXPECT_EQ(parsed("<,,>"), "at 1: not for an address: \",,>\"");
  EXPECT_EQ(parsed("<,a@b>"), "at 1: not for an address: \",a@b>\"");
  EXPECT_EQ(parsed("<@foo:>"), "at 1: a route that leads nowhere: \"@foo:>\"");
  EXPECT_EQ(parsed("<@a:@b>"), "at 1: an address without a local part: \"@a:@b>\"");
  EXPECT_EQ(parsed("@a:b@c"), "at 0: a route outside of \"<>\": \"@a:b@c\"");
}

// ---- completing hosts (reference 1.5)

TEST(Address, HostsAreCompleted) {
  EXPECT_EQ(rewritten("joe").envelope, "joe@mx.example.org");
  EXPECT_EQ(rewritten("joe@").envelope, "joe@mx.example.org");
  EXPECT_EQ(rewritten("joe@.").envelope, "joe@mx.example.org");
  EXPECT_EQ(rewritten("joe@x").envelope, "joe@x.example.org");
  EXPECT_EQ(rewritten("eric@cs+").envelope, "eric@cs.org");
  EXPECT_EQ(rewritten("a@b.c+").envelope, "a@b.c.org");
  EXPECT_EQ(rewritten("a@+").envelope, "a@org");
  EXPECT_EQ(rewritten("a@b.+").envelope, "a@b.org");
  EXPECT_EQ(rewritten("joe+"), (Rewritten{"joe+@mx.example.org", "joe+@mx.example.org"}));
  EXPECT_EQ(rewritten("a@b.c."), (Rewritten{"a@b.c", "a@b.c"}));
  EXPECT_EQ(rewritten("a@B.C"), (Rewritten{"unchanged", "a@B.C"}));
  EXPECT_EQ(rewritten("a@[x]"), (Rewritten{"unchanged", "a@[x]"}));
}

TEST(Address, TheDefaultHostIsCompletedToo) {
  EXPECT_EQ(qualify_domain("", {"dh", "dd.test", "pp"}), "dh.dd.test");
  EXPECT_EQ(qualify_domain("", {"dh+", "dd.test", "pp"}), "dh.pp");
  EXPECT_EQ(qualify_domain("", {"d.h", "dd.test", "pp"}), "d.h");
  EXPECT_EQ(qualify_domain("", {"[::1]", "dd.test", "pp"}), "[::1]");
  EXPECT_EQ(qualify_domain("x", {"d.h", "", ""}), "x");
  EXPECT_EQ(qualify_domain("x+", {"d.h", "dd", ""}), "x");
}

// ---- names

TEST(Address, WordsOfANameJoinWithOneBlank) {
  EXPECT_EQ(parsed("A    B <e@x.test>"), "{A B|<e|x.test}");
  EXPECT_EQ(parsed("A \"B C\" D <e@x.test>"), "{A B C D|<e|x.test}");
  EXPECT_EQ(parsed("A(c)B <e@x.test>"), "{A B|<e|x.test}");
  EXPECT_EQ(parsed("\"A\"B <e@x.test>"), "{A B|<e|x.test}");
  EXPECT_EQ(parsed("Joe Q. Public <j@x.test>"), "{Joe Q. Public|<j|x.test}");
  EXPECT_EQ(parsed("\"\" <j@x>"), "{|<j|x}");
  EXPECT_EQ(parsed("(c) <j@x>"), "{|<j|x}");
}

TEST(Address, QuotingAndCommentsOfANameSurviveRewriting) {
  EXPECT_EQ(rewritten("\"Public, Joe\" (me) <j@x>").field,
            "\"Public, Joe\" (me) <j@x.example.org>");
  EXPECT_EQ(rewritten("J. Doe <j@x>").field, "J. Doe <j@x.example.org>");
  EXPECT_EQ(rewritten("J.Doe <j@x> (c)").field, "J.Doe <j@x.example.org> (c)");
  EXPECT_EQ(rewritten("=?utf-8?q?J=C3=B6rg?= <j@x>").field,
            "=?utf-8?q?J=C3=B6rg?= <j@x.example.org>");
  EXPECT_EQ(rewritten("J\xc3\xb6rg <j@x>").field, "J\xc3\xb6rg <j@x.example.org>");
  EXPECT_EQ(rewritten("\"joe\n blow\" <j@x>").field, "\"joe blow\" <j@x.example.org>");
  EXPECT_EQ(rewritten("(c) <j@x>").field, "(c) <j@x.example.org>");
  EXPECT_EQ(rewritten("\"a\\\\\" <j@x>").field, "\"a\\\\\" <j@x.example.org>");
}

TEST(Address, ANameThatNeedsQuotesGetsThem) {
  EXPECT_EQ(rewritten("joe@x.y <joe@x.y>"), (Rewritten{"\"joe@x.y\" <joe@x.y>", "joe@x.y"}));
  EXPECT_EQ(rewritten("[List] Foo <a@b.c>"), (Rewritten{"\"[List] Foo\" <a@b.c>", "a@b.c"}));
  EXPECT_EQ(rewritten("a@[1] (c) <a@b.c>"), (Rewritten{"\"a@[1]\" <a@b.c> (c)", "a@b.c"}));
  EXPECT_EQ(rewritten("A) B <a@b.c>"), (Rewritten{"\"A) B\" <a@b.c>", "a@b.c"}));
  EXPECT_EQ(rewritten("a@b: c@d.e;"), (Rewritten{"\"a@b\": c@d.e;", "c@d.e"}));
  EXPECT_EQ(rewritten(". x <a@b.c>"), (Rewritten{"\". x\" <a@b.c>", "a@b.c"}));
}

// ---- lists

TEST(Address, AnEmptyBodyIsAnEmptyList) {
  EXPECT_EQ(parsed(""), "");
  EXPECT_EQ(parsed(" \r\n\t"), "");
  EXPECT_EQ(parsed(",,"), "");
  EXPECT_EQ(parsed("(nobody)"), "");
}

TEST(Address, EmptyElementsGo) {
  EXPECT_EQ(rewritten(", a@x.test,,"), (Rewritten{"a@x.test", "a@x.test"}));
  EXPECT_EQ(rewritten("a@x.test,\n \n b@x.test"), (Rewritten{"unchanged", "a@x.test b@x.test"}));
  EXPECT_EQ(rewritten("a@x.y, (nothing), b@x.y"),
            (Rewritten{"a@x.y, b@x.y (nothing)", "a@x.y b@x.y"}));
  EXPECT_EQ(rewritten("a@x.y, (nothing)"), (Rewritten{"a@x.y (nothing)", "a@x.y"}));
  EXPECT_EQ(rewritten("g: a@x.y, ;"), (Rewritten{"g: a@x.y;", "a@x.y"}));
}

TEST(Address, SemicolonsBetweenAddressesBecomeCommas) {
  EXPECT_EQ(rewritten("a@x.y; b@x.y"), (Rewritten{"a@x.y, b@x.y", "a@x.y b@x.y"}));
  EXPECT_EQ(rewritten("a@x.y,b@x.y;"), (Rewritten{"a@x.y, b@x.y", "a@x.y b@x.y"}));
}

TEST(Address, BlanksBetweenAddressesBecomeCommas) {
  EXPECT_EQ(rewritten("a@x.y b@x.y\n\tc@x.y"),
            (Rewritten{"a@x.y, b@x.y, c@x.y", "a@x.y b@x.y c@x.y"}));
  EXPECT_EQ(rewritten("a (1) b@x.y (2)"),
            (Rewritten{"a@mx.example.org (1), b@x.y (2)", "a@mx.example.org b@x.y"}));
  EXPECT_EQ(rewritten("a@x.y <b@x.y> c@x.y"),
            (Rewritten{"\"a@x.y\" <b@x.y>, c@x.y", "b@x.y c@x.y"}));
  EXPECT_EQ(rewritten("<a@x.y><b@x.y>"), (Rewritten{"<a@x.y>, <b@x.y>", "a@x.y b@x.y"}));
}

TEST(Address, GroupsHoldAnyNumberOfAddresses) {
  EXPECT_EQ(parsed("undisclosed-recipients:;"), "undisclosed-recipients:;");
  EXPECT_EQ(parsed("A Group: Ed <ed@x>, joe@y, (c);, f@z"),
            "A Group: {Ed|<ed|x} {|joe|y|(c)}; {|f|z}");
  EXPECT_EQ(parsed("g(c): (d) ; (e)"), "g:;(d)(e)");
  EXPECT_EQ(rewritten("grp:;"), (Rewritten{"unchanged", ""}));
  EXPECT_EQ(rewritten("x, grp:; (c)").field, "x@mx.example.org, grp: ; (c)");
  EXPECT_EQ(rewritten("g: a;, h: b;").envelope, "a@mx.example.org b@mx.example.org");
  EXPECT_EQ(rewritten("joe g: a;"), (Rewritten{"joe g: a@mx.example.org;", "a@mx.example.org"}));
  EXPECT_EQ(rewritten("<a@x.y> g: b@x.y; c@x.y"),
            (Rewritten{"<a@x.y>, g: b@x.y;, c@x.y", "a@x.y b@x.y c@x.y"}));
}

TEST(Address, AnUnclosedGroupIsClosed) {
  EXPECT_EQ(rewritten("foo:"), (Rewritten{"foo: ;", ""}));
  EXPECT_EQ(rewritten("foo: a@x.y, b@x.y"), (Rewritten{"foo: a@x.y, b@x.y;", "a@x.y b@x.y"}));
}

TEST(Address, GroupsDoNotNestAndHaveNames) {
  EXPECT_EQ(parsed("x, grp: a, g2: b;;, z"), "at 13: a group inside a group: \": b;;, z\"");
  EXPECT_EQ(parsed("a, : b;"), "at 3: a group without a name: \": b;\"");
  EXPECT_EQ(parsed("(c): b;"), "at 3: a group without a name: \": b;\"");
}

TEST(Address, BeyondALimitIsAFault) {
  AddressLimits small;
  small.mailboxes = 2;
  EXPECT_EQ(parsed("a, b", small), "{|a|} {|b|}");
  EXPECT_EQ(parsed("a, b, c", small), "at 6: more than 2 addresses: \"c\"");
  EXPECT_EQ(parsed("a b <c>, d, e", small), "at 12: more than 2 addresses: \"e\"");
  EXPECT_EQ(parsed("a:; b:; c:;", small), "at 8: more than 2 groups: \"c:;\"");
  small.words = 3;
  EXPECT_EQ(parsed("a. b. c", small), "at 4: more than 3 words in a row: \". c\"");
  EXPECT_EQ(parsed("<a. b. c>", small), "at 0: more than 3 words in \"<>\": \"<a. b. c>\"");
}

TEST(Address, DeepNestingNeedsNoStack) {
  const std::string deep(1'000'000, '(');
  EXPECT_EQ(parsed(deep).substr(0, 36), "at 0: no \")\" closes this comment: \"(");
  EXPECT_EQ(parsed(deep + std::string(1'000'000, ')') + "a").substr(0, 6), "{|a||(");
}

TEST(Address, AnExcerptIsShortAndPrintable) {
  EXPECT_EQ(parsed("<\n\t\x1b[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            "at 4: no \"]\" closes this \"[\": \"[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"");
  EXPECT_EQ(parsed("<a\x1b>>"), "at 4: a \">\" that closes nothing: \">\"");
  // No half of a character: 20 of two octets each fit, beginning at an odd octet only 19.
  std::string umlauts;
  for (int i = 0; i < 30; ++i) umlauts += "\xc3\xbc";
  EXPECT_EQ(parsed("<" + umlauts),
            "at 0: no \">\" closes this \"<\": \"<" + umlauts.substr(0, 38) + "...\"");
}

// ---- RFC shapes

TEST(Address, RealHeadersReadAsTheirWritersMeant) {
  EXPECT_EQ(parsed("\"Joe Q. Public\" <john.q.public@one.test>, Mary Smith <mary@x.test>,\n"
                   " jdoe@two.test (Who?)"),
            "{Joe Q. Public|<john.q.public|one.test} {Mary Smith|<mary|x.test} "
            "{|jdoe|two.test|(Who?)}");
  EXPECT_EQ(parsed("Who? <one@y.test>, <boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <s@e.test>"),
            "{Who?|<one|y.test} {|<boss|nil.test} {Giant; \"Big\" Box|<s|e.test}");
  EXPECT_EQ(parsed("A Group(Some people)\n     :Chris Jones <c@(Chris's host.)public.test>,\n"
                   "         joe@example.test,\n  John <jdoe@one.test> (my dear friend); "
                   "(the end of the group)"),
            "A Group: {Chris Jones|<c|public.test|(Chris's host.)} {|joe|example.test} "
            "{John|<jdoe|one.test|(my dear friend)};(the end of the group)");
  EXPECT_EQ(parsed("Mary Smith <@node.test:mary@x.test>, , jdoe@test . example"),
            "{Mary Smith|<mary|x.test} {|jdoe|test.example}");
}

TEST(Address, FromEnvelopeSplitsAtTheLastAt) {
  const Mailbox m = from_envelope("a@b@c.d");
  EXPECT_EQ(m.local, "a@b");
  EXPECT_EQ(m.domain, "c.d");
  EXPECT_TRUE(from_envelope("").null);
  EXPECT_EQ(from_envelope("joe").domain, "");
  EXPECT_EQ(envelope_address(from_envelope("@x")), "@x");
}

TEST(Address, ADomainThatCannotStandSaysWhy) {
  EXPECT_EQ(domain_fault("x.y"), "");
  EXPECT_EQ(domain_fault("x"), "");
  EXPECT_EQ(domain_fault("[1.2.3.4]"), "");
  EXPECT_EQ(domain_fault("\xc3\xb6.test"), "");
  EXPECT_EQ(domain_fault(""), "an empty part");
  EXPECT_EQ(domain_fault("x..y"), "an empty part");
  EXPECT_EQ(domain_fault("x."), "an empty part");
  EXPECT_EQ(domain_fault("x y"), "an octet that cannot stand there");
  EXPECT_EQ(domain_fault("x\n.y"), "an octet that cannot stand there");
  EXPECT_EQ(domain_fault("x@y"), "an octet that cannot stand there");
  EXPECT_EQ(domain_fault("[x"), "no \"]\" after its \"[\"");
  EXPECT_EQ(domain_fault("["), "no \"]\" after its \"[\"");
  EXPECT_EQ(domain_fault("]x["), "no \"]\" after its \"[\"");
  EXPECT_EQ(domain_fault("[\n]"), "NUL, CR or LF");
  EXPECT_EQ(domain_fault("b.[1]"), "");
  EXPECT_EQ(domain_fault("b.[1].c"), "");
  EXPECT_EQ(domain_fault("b[1]"), "text beside \"[]\"");
  EXPECT_EQ(domain_fault("[1]c"), "text beside \"[]\"");
  EXPECT_EQ(domain_fault("b..[1]"), "an empty part");
  EXPECT_EQ(domain_fault("[1]."), "an empty part");
}

}  // namespace
}  // namespace porpoise::mail
