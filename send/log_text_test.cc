#include "send/log_text.h"

#include <gtest/gtest.h>

namespace porpoise::send {
namespace {

TEST(LogText, ForeignTextBecomesOneWord) {
  EXPECT_EQ(log_safe("did 1+0+0\n"), "did_1+0+0/");
  EXPECT_EQ(log_safe("100% of\t\x7f\r\xc3\xa9"), "100__of_____");
  EXPECT_EQ(log_safe(std::string_view("a\0b", 3)), "a_b");
  EXPECT_EQ(log_safe(""), "");
}

TEST(LogText, TimestampsAreUtcWithMilliseconds) {
  EXPECT_EQ(timestamp(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp(1'795'257'900'123'999), "2026-11-21T10:45:00.123Z");
}

}  // namespace
}  // namespace porpoise::send
