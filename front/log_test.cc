#include "front/log.h"

#include <gtest/gtest.h>

namespace porpoise::front {
namespace {

TEST(LogLine, BeginsWithTheTimeInUtc) {
  EXPECT_EQ(log_line(0, "x"), "1970-01-01T00:00:00.000Z porpoise: x\n");
  EXPECT_EQ(log_line(1'795'257'900'012'999, "x"), "2026-11-21T10:45:00.012Z porpoise: x\n");
}

TEST(LogLine, StaysOneLine) {
  EXPECT_EQ(log_line(0, "a\nb\rc\x1b[1m"), "1970-01-01T00:00:00.000Z porpoise: a/b?c?[1m\n");
}

TEST(LogLine, AsJsonKeepsTheText) {
  EXPECT_EQ(
      log_json(0, "a \"b\""),
      "{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"porpoise\",\"text\":\"a \\\"b\\\"\"}\n");
}

}  // namespace
}  // namespace porpoise::front
