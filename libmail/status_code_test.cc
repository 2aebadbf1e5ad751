#include "libmail/status_code.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

TEST(StatusCode, IsClassSubjectDetail) {
  EXPECT_EQ(StatusCode::parse("5.1.1"), (StatusCode{5, 1, 1}));
  EXPECT_EQ(StatusCode::parse("2.0.0"), (StatusCode{2, 0, 0}));
  EXPECT_EQ(StatusCode::parse("4.999.120"), (StatusCode{4, 999, 120}));
  EXPECT_EQ((StatusCode{4, 4, 7}.text()), "4.4.7");
  EXPECT_EQ(StatusCode().text(), "5.0.0");
}

TEST(StatusCode, OtherTextIsNone) {
  for (const char* text :
       {"",       "5",      "5.",     "5.1",    "5.1.",     "1.1.1",    "3.0.0",   "6.0.0",
        "5.1.1 ", " 5.1.1", "5.01.1", "5.1.01", "5.1000.1", "5.1.1000", "5.1.1.1", "5,1,1",
        "5.-1.1", "5..1",   "x.1.1",  "5.x.1",  "5.1.x",    "55.1.1"}) {
    EXPECT_EQ(StatusCode::parse(text), std::nullopt) << text;
  }
}

TEST(StatusCode, AReplysTextBeginsWithOne) {
  const auto leading = leading_status("5.1.1 no such user");
  ASSERT_TRUE(leading);
  EXPECT_EQ(leading->code.text(), "5.1.1");
  EXPECT_EQ(leading->rest, "no such user");
  EXPECT_EQ(leading_status("2.0.0")->rest, "");
  EXPECT_EQ(leading_status("2.0.0 ")->rest, "");
  EXPECT_FALSE(leading_status("5.1.1x"));
  EXPECT_FALSE(leading_status("5.1.1.1 host"));
  EXPECT_FALSE(leading_status("1.2.3.4 said no"));
  EXPECT_FALSE(leading_status("no"));
}

}  // namespace
}  // namespace porpoise::mail
