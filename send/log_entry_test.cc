#include "send/log_entry.h"

#include <gtest/gtest.h>

namespace porpoise::send {
namespace {

const LogEntry kEntry{.event = "delivery",
                      .story = "delivery 3: success: did_1+0+0/",
                      .told = {{"delivery", std::int64_t{3}}, {"text", "did 1+0+0\n"}},
                      .facts = {{"id", "abc"}, {"ms", std::int64_t{12}}}};

TEST(LogEntry, APlainLineIsTheStoryAndWhatItDoesNotTell) {
  EXPECT_EQ(plain_line(kEntry), "delivery 3: success: did_1+0+0/ id=abc ms=12");
}

TEST(LogEntry, AJsonLineHasTheSameFactsAndNoStory) {
  EXPECT_EQ(json_line("2026-11-21T10:45:00.123Z", kEntry),
            R"({"time":"2026-11-21T10:45:00.123Z","event":"delivery","delivery":3,)"
            R"("text":"did 1+0+0\u000a","id":"abc","ms":12})");
}

TEST(LogEntry, ValuesFromOutsideStayOneWordAndOneString) {
  const LogEntry entry{.event = "x", .story = "x", .facts = {{"text", "a b=\"c\"\n\xff%"}}};
  EXPECT_EQ(plain_line(entry), "x text=a_b=\"c\"/__");
  EXPECT_EQ(json_line("t", entry),
            "{\"time\":\"t\",\"event\":\"x\",\"text\":\"a b=\\\"c\\\"\\u000a\\ufffd%\"}");
}

TEST(LogEntry, WordsOfOurOwnAreEvents) {
  EXPECT_EQ(json_line("t", log_entry("alert: the disk is full")),
            R"({"time":"t","event":"alert","text":"the disk is full"})");
  EXPECT_EQ(json_line("t", log_entry("warning: hm")),
            R"({"time":"t","event":"warning","text":"hm"})");
  EXPECT_EQ(json_line("t", log_entry("something: else")),
            R"({"time":"t","event":"note","text":"something: else"})");
  EXPECT_EQ(plain_line(log_entry("alert: the disk is full")), "alert: the disk is full");
}

}  // namespace
}  // namespace porpoise::send
