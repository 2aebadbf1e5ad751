#include "libmail/received.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "libmail/date.h"

namespace porpoise::mail {
namespace {

std::string read(std::string_view body) {
  const Received r = parse_received(body);
  std::string text;
  const std::pair<std::string_view, std::string_view> clauses[] = {
      {"from", r.from}, {"by", r.by}, {"via", r.via},
      {"with", r.with}, {"id", r.id}, {"for", r.recipient}};
  for (const auto& [name, value] : clauses) {
    if (!value.empty()) text += fmt::format("{}={} ", name, value);
  }
  return text + (r.date ? print_date(r.date->seconds, r.date->offset_minutes) : "no date");
}

// R822-4.3.2-received-tokens
TEST(Received, AllClauses) {
  EXPECT_EQ(read(" from a.test (b [192.0.2.1]) by c.test via UUCP with ESMTPS id x9 for <j@c.test>;"
                 " 1 Jan 2024 10:00:00 +0100"),
            "from=a.test (b [192.0.2.1]) by=c.test via=UUCP with=ESMTPS id=x9 for=<j@c.test> "
            "1 Jan 2024 10:00:00 +0100");
}

TEST(Received, AnUnknownClauseBelongsToTheOneBefore) {
  EXPECT_EQ(read("from a using TLS by b; 1 Jan 2024 10:00 Z"),
            "from=a using TLS by=b 1 Jan 2024 10:00:00 +0000");
}

TEST(Received, FoldsAndCaseDoNotCount) {
  EXPECT_EQ(read(" FROM a\r\n\t(c by d; e)\r\n\tBy b;\r\n 1 Jan 2024 10:00 EST\r\n"),
            "from=a\r\n\t(c by d; e) by=b 1 Jan 2024 10:00:00 -0500");
}

TEST(Received, TheDateIsAfterTheLastSemicolon) {
  EXPECT_EQ(read("by a; by b; 1 Jan 2024 10:00 +0000"), "by=a 1 Jan 2024 10:00:00 +0000");
  EXPECT_EQ(read("by \"a;b\" (;); x"), "by=\"a;b\" (;) no date");
}

TEST(Received, WhatCannotBeReadIsLeftOut) {
  EXPECT_EQ(read(""), "no date");
  EXPECT_EQ(read("1 Jan 2024 10:00 +0000"), "no date");
  EXPECT_EQ(read("from (no end by c; 1 Jan 2024 10:00 +0000"),
            "from=(no end by c; 1 Jan 2024 10:00 +0000 no date");
  EXPECT_EQ(read("from \"no end by c; x"), "from=\"no end by c; x no date");
  EXPECT_EQ(read("from a from b"), "from=a no date");
  EXPECT_EQ(read("by;"), "no date");
  EXPECT_EQ(read("by\\"), "no date");
}

}  // namespace
}  // namespace porpoise::mail
