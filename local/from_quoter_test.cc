#include "local/from_quoter.h"

#include <gtest/gtest.h>

namespace porpoise::local {
namespace {

std::string in_mbox(std::string_view message, std::size_t piece = 1 << 20) {
  FromQuoter quoter;
  std::string out;
  while (!message.empty()) {
    quoter.feed(message.substr(0, piece), out);
    message.remove_prefix(std::min(piece, message.size()));
  }
  quoter.finish(out);
  return out;
}

TEST(FromQuoter, AnEmptyLineEndsTheMessage) {
  EXPECT_EQ(in_mbox("S: x\n\nhi\n"), "S: x\n\nhi\n\n");
  EXPECT_EQ(in_mbox("\n"), "\n\n");
  EXPECT_EQ(in_mbox(""), "\n");
}

TEST(FromQuoter, AnUnfinishedLineIsEnded) {
  EXPECT_EQ(in_mbox("hi"), "hi\n\n");
  EXPECT_EQ(in_mbox("Fro"), "Fro\n\n");
  EXPECT_EQ(in_mbox(">"), ">\n\n");
  EXPECT_EQ(in_mbox("From "), ">From \n\n");
}

TEST(FromQuoter, FromGetsOneMoreSign) {
  EXPECT_EQ(in_mbox("From x\n>From y\n>>>From z\n"), ">From x\n>>From y\n>>>>From z\n\n");
}

TEST(FromQuoter, HeaderLinesToo) {
  EXPECT_EQ(in_mbox("From here\nS: x\n\n"), ">From here\nS: x\n\n\n");
}

TEST(FromQuoter, OnlyAtTheBeginningAndOnlyTheWord) {
  const char* text = "From: x\nfrom y\n From z\nFROM q\n> From r\nFrom\tt\nFrom\nxFrom u\n";
  EXPECT_EQ(in_mbox(text), std::string(text) + "\n");
}

TEST(FromQuoter, LineFeedsInsideAHeldWordBeginALine) {
  EXPECT_EQ(in_mbox("Fro\nFrom \nF\n\n>\nFrom x\n"), "Fro\n>From \nF\n\n>\n>From x\n\n");
}

TEST(FromQuoter, OtherOctetsStay) {
  const std::string text("a\0b\r\n\xff\r\n", 8);
  EXPECT_EQ(in_mbox(text), text + "\n");
}

TEST(FromQuoter, DoesNotDependOnWhereThePiecesSplit) {
  const char* text = "From a\n>From b\nFrom\nFro\n\n>>From \nx";
  for (std::size_t piece = 1; piece < 12; ++piece) EXPECT_EQ(in_mbox(text, piece), in_mbox(text));
}

}  // namespace
}  // namespace porpoise::local
