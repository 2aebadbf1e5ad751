#include "local/loop_scan.h"

#include <gtest/gtest.h>

namespace porpoise::local {
namespace {

constexpr std::string_view kLine = "Delivered-To: a@b\n";

bool loops(std::string_view message, std::size_t piece = 1 << 20) {
  LoopScan scan{std::string(kLine)};
  while (!message.empty() && !scan.done()) {
    scan.feed(message.substr(0, piece));
    message.remove_prefix(std::min(piece, message.size()));
  }
  return scan.found();
}

TEST(LoopScan, FindsTheLineAnywhereInTheHeader) {
  EXPECT_TRUE(loops("Delivered-To: a@b\n"));
  EXPECT_TRUE(loops("A: 1\nDelivered-To: a@b\nB: 2\n\nbody\n"));
}

TEST(LoopScan, TheBodyDoesNotCount) {
  EXPECT_FALSE(loops("A: 1\n\nDelivered-To: a@b\n"));
}

TEST(LoopScan, OnlyTheWholeLineCounts) {
  EXPECT_FALSE(loops("Delivered-To: a@b.c\n"));
  EXPECT_FALSE(loops("Delivered-To: a@\n"));
  EXPECT_FALSE(loops(" Delivered-To: a@b\n"));
  EXPECT_FALSE(loops("X-Delivered-To: a@b\n"));
  EXPECT_FALSE(loops("Delivered-To: a@b\r\n"));
  EXPECT_FALSE(loops("Delivered-To:  a@b\n"));
}

TEST(LoopScan, CaseCounts) {
  EXPECT_FALSE(loops("delivered-to: a@b\n"));
  EXPECT_FALSE(loops("Delivered-To: A@b\n"));
}

TEST(LoopScan, ALastLineWithoutLineFeedIsAnotherLine) {
  EXPECT_FALSE(loops("Delivered-To: a@b"));
}

TEST(LoopScan, ALineOfACrDoesNotEndTheHeader) {
  EXPECT_TRUE(loops("A: 1\n\r\nDelivered-To: a@b\n"));
}

TEST(LoopScan, DoesNotDependOnWhereThePiecesSplit) {
  for (std::size_t piece = 1; piece < 30; ++piece) {
    EXPECT_TRUE(loops("A: 1\nDelivered-To: a@\nDelivered-To: a@b\n\n", piece)) << piece;
    EXPECT_FALSE(loops("Delivered-To: a@bb\n\nDelivered-To: a@b\n", piece)) << piece;
  }
}

}  // namespace
}  // namespace porpoise::local
