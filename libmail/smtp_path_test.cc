#include "libmail/smtp_path.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

/// The address that a path reads as, "|" and what the cursor left; "AT: text" of a fault.
std::string read(std::string_view text, SmtpReading reading, SmtpPathKind kind,
                 const SmtpPathLimits& limits = {}) {
  Cursor cursor(text);
  const auto path = take_path(cursor, kind, reading, limits);
  if (!path) return fmt::format("{}: {}", path.error().at, path.error().text);
  return fmt::format("{}{}{}|{}", path->address, path->routed ? " routed" : "",
                     path->utf8 ? " utf8" : "", cursor.rest());
}

std::string strict(std::string_view text) {
  return read(text, SmtpReading::strict, SmtpPathKind::forward);
}
std::string lenient(std::string_view text) {
  return read(text, SmtpReading::lenient, SmtpPathKind::forward);
}
std::string reverse(std::string_view text) {
  return read(text, SmtpReading::strict, SmtpPathKind::reverse);
}

void refused_by_both(std::string_view text, std::string_view fault) {
  EXPECT_EQ(strict(text), fault) << text;
  EXPECT_EQ(lenient(text), fault) << text;
}

TEST(SmtpPath, IsAnAddressInBrackets) {
  EXPECT_EQ(strict("<a@x.test>"), "a@x.test|");
  EXPECT_EQ(strict("<a.b+c@x.test> SIZE=1"), "a.b+c@x.test| SIZE=1");
  EXPECT_EQ(strict("<MiXeD@X.Test>"), "MiXeD@X.Test|");
  EXPECT_EQ(strict("<!#$%&'*+-/=?^_`{|}~@x>"), "!#$%&'*+-/=?^_`{|}~@x|");
  EXPECT_EQ(strict("<a@3com.test>"), "a@3com.test|");
  EXPECT_EQ(strict("<a@xn--bcher-kva.test>"), "a@xn--bcher-kva.test|");
  EXPECT_EQ(strict(""), "0: want \"<\"");
  EXPECT_EQ(lenient(""), "0: want a local part");
}

TEST(SmtpPath, TheNullPathIsForSendersOnly) {
  EXPECT_EQ(reverse("<>"), "|");
  EXPECT_EQ(reverse("<> BODY=7BIT"), "| BODY=7BIT");
  refused_by_both("<>", "0: a recipient needs an address");
}

TEST(SmtpPath, PostmasterNeedsNoDomain) {
  EXPECT_EQ(strict("<postmaster>"), "postmaster|");
  EXPECT_EQ(strict("<PostMaster>"), "PostMaster|");
  EXPECT_EQ(reverse("<postmaster>"), "11: want \"@\" and a domain");
  EXPECT_EQ(strict("<alice>"), "6: want \"@\" and a domain");
  EXPECT_EQ(lenient("<alice>"), "alice|");
}

TEST(SmtpPath, ALocalPartMayBeQuoted) {
  EXPECT_EQ(strict("<\"a b\"@x.test>"), "a b@x.test|");
  EXPECT_EQ(strict("<\"alice\"@x.test>"), "alice@x.test|");
  EXPECT_EQ(strict("<\"al\\ice\"@x.test>"), "alice@x.test|");
  EXPECT_EQ(strict("<\"j\\,s\"@x.test>"), "j,s@x.test|");
  EXPECT_EQ(strict("<\"a@b\"@x.test>"), "a@b@x.test|");
  EXPECT_EQ(strict("<\"a>b\"@x.test>"), "a>b@x.test|");
  EXPECT_EQ(strict("<\"a\\\"b\\\\\"@x.test>"), "a\"b\\@x.test|");
  EXPECT_EQ(strict("<\"\"@x.test>"), "@x.test|");
  refused_by_both("<\"a@x.test>", "1: no \"\"\" closes this one");
  refused_by_both("<\"a\\", "4: want an octet after \"\\\"");
  refused_by_both("<\"a\x01z\"@x.test>", "3: control octet in a quoted local part");
  refused_by_both("<\"a\\\x01z\"@x.test>", "3: \"\\\" before an octet that it cannot quote");
  refused_by_both("<\"a\0z\"@x.test>"s, "3: control octet in a quoted local part");
}

TEST(SmtpPath, DotsStandBetweenWords) {
  refused_by_both("<a..b@x.test>", "3: want a word after the dot of the local part");
  refused_by_both("<a.@x.test>", "3: want a word after the dot of the local part");
  refused_by_both("<.a@x.test>", "1: want a local part");
  refused_by_both("<@>", "2: want a domain");
  refused_by_both("<@x.test>", "8: want \",\" or \":\" in the source route");
  EXPECT_EQ(strict("<a b@x.test>"), "2: want \"@\" and a domain");
  EXPECT_EQ(lenient("<a b@x.test>"), "3: want \">\"");
}

TEST(SmtpPath, ASourceRouteIsReadAndDropped) {
  EXPECT_EQ(strict("<@a.test:alice@x.test>"), "alice@x.test routed|");
  EXPECT_EQ(strict("<@a.test,@b.test:alice@x.test>"), "alice@x.test routed|");
  EXPECT_EQ(strict("<@[192.0.2.1]:alice@x.test>"), "alice@x.test routed|");
  std::string fifty = "<";
  for (int i = 0; i < 50; ++i) fifty += fmt::format("{}@h{}.test", i > 0 ? "," : "", i);
  EXPECT_EQ(strict(fifty + ":alice@x.test>"), "alice@x.test routed|");
  refused_by_both("<@:alice@x.test>", "2: want a domain");
  refused_by_both("<@a alice@x.test>", "3: want \",\" or \":\" in the source route");
  refused_by_both("<@a,b:c@d>", "4: want \"@\" and a domain of the source route");
  refused_by_both("<@a:>", "4: want a local part");
}

TEST(SmtpPath, DomainsAreWordsOfLettersDigitsAndHyphens) {
  refused_by_both("<a@>", "3: want a domain");
  refused_by_both("<a@b..c>", "3: want a word on both sides of a domain's dot");
  refused_by_both("<a@.b>", "3: want a word on both sides of a domain's dot");
  refused_by_both("<a@-b>", "3: a word of the domain has \"-\" at an end");
  refused_by_both("<a@b-.c>", "3: a word of the domain has \"-\" at an end");
  refused_by_both("<a@#123456>", "3: want a domain");
  refused_by_both("<a@b!>", "4: want \">\"");
  EXPECT_EQ(strict("<a@b_c.test>"), "4: want \">\"");
  EXPECT_EQ(lenient("<a@b_c.test>"), "a@b_c.test|");
  EXPECT_EQ(strict("<a@b.test.>"), "3: want a word on both sides of a domain's dot");
  EXPECT_EQ(lenient("<a@b.test.>"), "a@b.test|");
  refused_by_both("<a@.>", "3: want a word on both sides of a domain's dot");
}

TEST(SmtpPath, LiteralsAreAddresses) {
  EXPECT_EQ(strict("<a@[127.0.0.1]>"), "a@[127.0.0.1]|");
  EXPECT_EQ(strict("<a@[IPv6:::1]>"), "a@[IPv6:::1]|");
  EXPECT_EQ(strict("<a@[ipv6:2001:db8::ffff:192.0.2.1]>"), "a@[ipv6:2001:db8::ffff:192.0.2.1]|");
  EXPECT_EQ(strict("<a@[foo:bar]>"), "a@[foo:bar]|");
  for (const char* bad : {"<a@[]>", "<a@[127.0.0.256]>", "<a@[127.1]>", "<a@[1.2.3.4.5]>",
                          "<a@[0x7f.0.0.1]>", "<a@[a]>",
                          "<a@[123456789012345678901234567890"
                          "12345678901234567890]>"}) {
    refused_by_both(bad, "3: this is no IPv4 address");
  }
  refused_by_both("<a@[IPv6:::g]>", "3: this is no IPv6 address");
  refused_by_both("<a@[IPv6:]>", "3: this is no IPv6 address");
  refused_by_both("<a@[::1]>", "3: an IPv6 address needs \"IPv6:\" before it");
  refused_by_both("<a@[foo-:x]>", "3: an IPv6 address needs \"IPv6:\" before it");
  refused_by_both("<a@[foo:]>", "3: this is no address literal");
  refused_by_both("<a@[foo:a@b]>", "3: this is no address literal");
  refused_by_both("<a@[127.0.0.1>", "3: no \"]\" closes this \"[\"");
}

TEST(SmtpPath, OfUtf8OnlyTheWellFormed) {
  EXPECT_EQ(strict("<\xce\xb4@b\xc3\xbc.test>"), "\xce\xb4@b\xc3\xbc.test utf8|");
  EXPECT_EQ(strict("<\"\xce\xb4 x\"@x.test>"), "\xce\xb4 x@x.test utf8|");
  for (const char* bad : {"<\xc3\x28@x.test>", "<\xc0\xaf@x.test>", "<\xed\xa0\x80@x.test>",
                          "<a@\xff.test>", "<\"\xff\"@x.test>"}) {
    EXPECT_NE(strict(bad).find(": "), std::string::npos) << bad;
    EXPECT_NE(lenient(bad).find(": "), std::string::npos) << bad;
  }
  refused_by_both("<\"\\\xc3\xbc\"@x.test>", "2: \"\\\" before an octet that it cannot quote");
  refused_by_both("<\xff@x.test>", "0: malformed UTF-8");
}

TEST(SmtpPath, BracketsMayBeMissingLeniently) {
  EXPECT_EQ(strict("a@x.test"), "0: want \"<\"");
  EXPECT_EQ(lenient("a@x.test SIZE=1"), "a@x.test| SIZE=1");
  EXPECT_EQ(lenient("\"a b\"@x.test"), "a b@x.test|");
  EXPECT_EQ(lenient("@a.test:b@x.test"), "b@x.test routed|");
  EXPECT_EQ(lenient("< a@x.test >"), "a@x.test|");
  EXPECT_EQ(strict("< a@x.test>"), "1: want a local part");
  EXPECT_EQ(strict("<a@x.test >"), "9: want \">\"");
  refused_by_both("<a@x.test", "9: want \">\"");
  EXPECT_EQ(lenient("a@x.test>"), "a@x.test|>");
  EXPECT_EQ(lenient("\"\""), "2: want an address");
  EXPECT_EQ(lenient("<\"a@b\">"), "6: want \"@\" and a domain");
}

TEST(SmtpPath, OldQuotingIsReadLeniently) {
  EXPECT_EQ(strict("<j\\,s@x.test>"), "2: want \"@\" and a domain");
  EXPECT_EQ(lenient("<j\\,s@x.test>"), "j,s@x.test|");
  EXPECT_EQ(lenient("<\\@a@x.test>"), "@a@x.test|");
  EXPECT_EQ(strict("<\"a\".b@x.test>"), "4: want \"@\" and a domain");
  EXPECT_EQ(strict("<a.\"b\"@x.test>"), "3: a quoted local part stands alone");
  EXPECT_EQ(lenient("<\"a b\".c.\"d\"@x.test>"), "a b.c.d@x.test|");
}

TEST(SmtpPath, LengthsAreBounded) {
  const std::string label(63, 'l');
  const std::string longest = fmt::format("{0}.{0}.{0}.{1}", label, label.substr(2));  // 253
  EXPECT_EQ(strict(fmt::format("<a@{}.x>", longest)), fmt::format("a@{}.x|", longest));
  EXPECT_EQ(strict(fmt::format("<a@{}.xy>", longest)), "3: domain too long");
  EXPECT_EQ(strict(fmt::format("<a@{}l>", label)), "3: a word of the domain is too long");
  const std::string local(1000, 'a');
  EXPECT_EQ(strict(fmt::format("<{}@b>", local)), fmt::format("{}@b|", local));
  EXPECT_EQ(strict(fmt::format("<{}@bc>", local)), "1004: address too long");
  EXPECT_EQ(strict(fmt::format("<{0}{0}@b>", local)), "1: address too long");
  EXPECT_EQ(read("<abc@d>", SmtpReading::strict, SmtpPathKind::forward, {.address_octets = 5}),
            "abc@d|");
  EXPECT_EQ(read("<abcd@e>", SmtpReading::strict, SmtpPathKind::forward, {.address_octets = 5}),
            "7: address too long");
}

TEST(SmtpPath, HasALocalPartAndADomain) {
  const SmtpPath path{.address = "a@b@c.test"};
  EXPECT_EQ(path.local(), "a@b");
  EXPECT_EQ(path.domain(), "c.test");
  EXPECT_FALSE(path.null());
  const SmtpPath bare{.address = "postmaster"};
  EXPECT_EQ(bare.local(), "postmaster");
  EXPECT_EQ(bare.domain(), "");
  EXPECT_TRUE(SmtpPath().null());
}

TEST(SmtpPath, PrintsWithTheShortestQuoting) {
  EXPECT_EQ(print_path(""), "<>");
  EXPECT_EQ(print_path("alice@x.test"), "<alice@x.test>");
  EXPECT_EQ(print_path("a b@x.test"), "<\"a b\"@x.test>");
  EXPECT_EQ(print_path("a@b@x.test"), "<\"a@b\"@x.test>");
  EXPECT_EQ(print_path("@x.test"), "<\"\"@x.test>");
  EXPECT_EQ(print_path("a..b@x.test"), "<\"a..b\"@x.test>");
  EXPECT_EQ(print_path("a@[127.0.0.1]"), "<a@[127.0.0.1]>");
  EXPECT_EQ(print_path("postmaster"), "<postmaster>");
  EXPECT_EQ(print_path("\xce\xb4@x.test"), "<\xce\xb4@x.test>");
}

TEST(SmtpPath, WhatNoPathCanCarryIsNotPrinted) {
  for (const std::string& bad :
       {"alice"s, "a\nRSET@x.test"s, "a\rb@x.test"s, "a\0b@x.test"s, "a@x\n.test"s, "a@"s, "a@x y"s,
        "a@x>y"s, "\xff@x.test"s, "a@b..c"s, std::string(1002, 'a') + "@b"}) {
    EXPECT_EQ(print_path(bad), std::nullopt) << bad;
  }
}

TEST(SmtpPath, ADomainStandsAlone) {
  EXPECT_EQ(smtp_domain_fault("x.test"), "");
  EXPECT_EQ(smtp_domain_fault("[192.0.2.1]"), "");
  EXPECT_EQ(smtp_domain_fault(""), "want a domain");
  EXPECT_EQ(smtp_domain_fault("["), "no \"]\" closes this \"[\"");
  EXPECT_EQ(smtp_domain_fault("x y"), "an octet that no domain has");
  EXPECT_EQ(smtp_domain_fault("a_b"), "an octet that no domain has");
  EXPECT_EQ(smtp_domain_fault("a_b", SmtpReading::lenient), "");
  EXPECT_EQ(smtp_domain_fault("[1.2.3.4\0]"s), "this is no IPv4 address");
}

}  // namespace
}  // namespace porpoise::mail
