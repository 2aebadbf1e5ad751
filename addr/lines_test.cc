#include "addr/lines.h"

#include <gtest/gtest.h>

namespace porpoise::addr {
namespace {

// The lines of `text`, fed in pieces of `size`: "a|b|", "..." after one that is not whole.
std::string lines(std::string_view text, std::size_t size, std::size_t max_line = 4) {
  std::string seen;
  Lines reader([&seen](std::string_view line,
                       bool whole) { seen.append(line).append(whole ? "|" : "...|"); },
               max_line);
  for (std::size_t i = 0; i < text.size(); i += size) reader.feed(text.substr(i, size));
  reader.finish();
  return seen;
}

TEST(Lines, ArePutTogetherFromPiecesOfAnySize) {
  const std::string text = "a\n\r\n\nbc\r\nabcd\nabcd\r\nabcde\nabcdefghijk\nab\rc\n\r\r\nlast";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    EXPECT_EQ(lines(text, size), "a|||bc|abcd|abcd|abcd...|abcd...|ab\rc|\r|last|") << size;
  }
}

TEST(Lines, TheLastOneNeedsNoEnd) {
  EXPECT_EQ(lines("", 9), "");
  EXPECT_EQ(lines("\n", 9), "|");
  EXPECT_EQ(lines("a", 9), "a|");
  EXPECT_EQ(lines("abcdefgh", 3), "abcd...|");
  EXPECT_EQ(lines("abcd\r", 1), "abcd|");
}

}  // namespace
}  // namespace porpoise::addr
