#include "libmail/reply.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

std::string reply_to(std::string_view message) {
  HeaderReader reader;
  reader.feed(message);
  const Result<Header> header = std::move(reader).finish();
  const auto field = reply_field(*header);
  return field ? std::string(field->text) : "nobody";
}

// R822-4.4.4-reply-to-first
TEST(Reply, GoesToReplyToElseToFromAndNeverToSender) {
  EXPECT_EQ(reply_to("Sender: s\nFrom: f\nReply-To: r\n"), "Reply-To: r\n");
  EXPECT_EQ(reply_to("Sender: s\nFrom: f\nFrom: g\n"), "From: f\n");
  EXPECT_EQ(reply_to("Sender: s\n"), "nobody");
  EXPECT_EQ(reply_to(""), "nobody");
}

// R5322-3.6.6-resent-no-auto
TEST(Reply, ResentFieldsDoNotCount) {
  EXPECT_EQ(reply_to("Resent-From: b\nResent-Reply-To: c\nFrom: a\n"), "From: a\n");
  EXPECT_EQ(reply_to("Resent-From: b\n"), "nobody");
}

}  // namespace
}  // namespace porpoise::mail
