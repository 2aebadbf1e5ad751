#include "inject/short_header.h"

#include <gtest/gtest.h>

namespace porpoise::inject {
namespace {

std::string header(std::string_view subject, const std::vector<std::string>& recipients = {"a"}) {
  const Outcome<std::string> text = short_header(subject, recipients);
  return text ? *text : fmt::format("error {}: {}", sysexit(text.error()), text.error().error.text);
}

TEST(ShortHeader, HasASubjectAndALineForEachRecipient) {
  EXPECT_EQ(header("lunch"), "Subject: lunch\nTo: a\n\n");
  EXPECT_EQ(header("lunch", {"a", "b@c, d", "Joe Doe <joe@x>", "g:e;"}),
            "Subject: lunch\nTo: a,\n  b@c, d,\n  Joe Doe <joe@x>,\n  g:e;\n\n");
}

TEST(ShortHeader, NothingInASubjectEndsItsField) {
  EXPECT_EQ(header("x\nBcc: victim\n\nbody").find("\nBcc"), std::string::npos);
  EXPECT_EQ(header("J\xc3\xb6"), "Subject: =?utf-8?q?J=C3=B6?=\nTo: a\n\n");
  EXPECT_EQ(header(""), "Subject:\nTo: a\n\n");
}

TEST(ShortHeader, ARecipientThatCannotBeReadIsRefused) {
  EXPECT_EQ(header("x", {}), "error 64: no recipients: none were named");
  EXPECT_EQ(header("x", {"a", ""}), "error 65: recipient \"\" names nobody");
  EXPECT_EQ(header("x", {"<>"}), "error 65: recipient \"<>\" names nobody");
  EXPECT_EQ(header("x", {"g:;"}), "error 65: recipient \"g:;\" names nobody");
  EXPECT_EQ(header("x", {"a", "(", ")"}),
            "error 65: recipient \"(\": octet 1: no \")\" closes this comment: \"(\"");
  EXPECT_EQ(header("x", {"a\nBcc: b"}),
            "error 65: recipient \"a\nBcc: b\": a line end inside an address");
}

}  // namespace
}  // namespace porpoise::inject
