#include "libmail/cursor.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

TEST(Cursor, TheEndReadsAsNulAndStaysTheEnd) {
  Cursor c("a");
  EXPECT_EQ(c.take(), 'a');
  EXPECT_TRUE(c.at_end());
  EXPECT_EQ(c.take(), '\0');
  EXPECT_EQ(c.peek(100), '\0');
  EXPECT_EQ(c.position(), 1u);
  EXPECT_EQ(c.rest(), "");
}

TEST(Cursor, SkippingBeyondTheEndStopsThere) {
  Cursor c("abc");
  c.skip(2);
  EXPECT_EQ(c.rest(), "c");
  c.skip(static_cast<std::size_t>(-1));
  EXPECT_EQ(c.position(), 3u);
}

TEST(Cursor, ANulInTheTextIsNotTheEnd) {
  Cursor c(std::string_view("\0x", 2));
  EXPECT_FALSE(c.at_end());
  EXPECT_TRUE(c.take('\0'));
  EXPECT_FALSE(c.take('\0'));
  EXPECT_TRUE(c.take('x'));
  EXPECT_FALSE(c.take('\0'));
}

TEST(Cursor, PeekingAheadNearTheEndDoesNotWrapAround) {
  Cursor c("ab");
  c.skip();
  EXPECT_EQ(c.peek(0), 'b');
  EXPECT_EQ(c.peek(1), '\0');
  EXPECT_EQ(c.peek(static_cast<std::size_t>(-1)), '\0');
}

TEST(Cursor, TakeWhileGivesWhatItMovedOver) {
  Cursor c("aab");
  EXPECT_EQ(c.take_while([](char x) { return x == 'a'; }), "aa");
  EXPECT_EQ(c.take_while([](char x) { return x == 'a'; }), "");
  EXPECT_EQ(c.take_while([](char) { return true; }), "b");
  EXPECT_EQ(c.since(1), "ab");
}

}  // namespace
}  // namespace porpoise::mail
