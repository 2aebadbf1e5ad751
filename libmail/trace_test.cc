#include "libmail/trace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

constexpr std::string_view kLine = "Delivered-To: a@b\n";

TraceScan scan(std::string_view message, std::size_t piece = 1 << 20) {
  TraceScan scan{std::string(kLine)};
  while (!message.empty() && !scan.done()) {
    scan.feed(message.substr(0, piece));
    message.remove_prefix(std::min(piece, message.size()));
  }
  return scan;
}

bool loops(std::string_view message, std::size_t piece = 1 << 20) {
  return scan(message, piece).looping();
}

std::string hops(std::string_view message, std::size_t piece = 1 << 20) {
  const TraceScan trace = scan(message, piece);
  EXPECT_EQ(trace.hops(), trace.received() + trace.delivered());
  return fmt::format("{}+{}", trace.received(), trace.delivered());
}

TEST(Trace, FindsTheLineAnywhereInTheHeader) {
  EXPECT_TRUE(loops("Delivered-To: a@b\n"));
  EXPECT_TRUE(loops("A: 1\nDelivered-To: a@b\nB: 2\n\nbody\n"));
}

TEST(Trace, TheBodyDoesNotCount) {
  EXPECT_FALSE(loops("A: 1\n\nDelivered-To: a@b\n"));
  EXPECT_FALSE(loops("A: 1\r\n\r\nDelivered-To: a@b\n"));
  EXPECT_EQ(hops("Received: x\n\nReceived: y\n"), "1+0");
  EXPECT_EQ(hops("Received: x\r\n\r\nReceived: y\r\n"), "1+0");
}

TEST(Trace, OnlyTheWholeLineLoops) {
  EXPECT_FALSE(loops("Delivered-To: a@b.c\n"));
  EXPECT_FALSE(loops("Delivered-To: a@\n"));
  EXPECT_FALSE(loops(" Delivered-To: a@b\n"));
  EXPECT_FALSE(loops("X-Delivered-To: a@b\n"));
  EXPECT_FALSE(loops("Delivered-To: a@b\r\n"));
  EXPECT_FALSE(loops("Delivered-To:  a@b\n"));
}

TEST(Trace, CaseCountsForTheLoop) {
  EXPECT_FALSE(loops("delivered-to: a@b\n"));
  EXPECT_FALSE(loops("Delivered-To: A@b\n"));
}

TEST(Trace, ALastLineWithoutLineFeedIsAnotherLine) {
  EXPECT_FALSE(loops("Delivered-To: a@b"));
}

TEST(Trace, ALineThatOnlyBeginsWithACrDoesNotEndTheHeader) {
  EXPECT_TRUE(loops("A: 1\n\rx\nDelivered-To: a@b\n"));
  EXPECT_TRUE(loops("A: 1\n\r\r\nDelivered-To: a@b\n"));
  EXPECT_TRUE(loops("A: 1\nx\nDelivered-To: a@b\n"));
}

TEST(Trace, WithoutALineOfItsOwnNothingLoops) {
  TraceScan scan;
  scan.feed("Delivered-To: a@b\n\n");
  EXPECT_FALSE(scan.looping());
  EXPECT_EQ(scan.delivered(), 1U);
  EXPECT_TRUE(scan.done());
}

TEST(Trace, CountsWholeNamesInAnyCase) {
  EXPECT_EQ(hops("Received: x\nRECEIVED:y\nreceived : z\nDelivered-To: c\nDELIVERED-TO\t: d\n"),
            "3+2");
  EXPECT_EQ(hops("Received-SPF: pass\nX-Received: a\nReceive: b\nDelivered: c\nDelivered-Too: d\n"
                 "Delivered-To-Me: e\nReceived x: f\nReceived\nReceived\n"),
            "0+0");
}

TEST(Trace, AContinuedLineIsNoName) {
  EXPECT_EQ(hops("A: b\n Received: c\n\tDelivered-To: d\n"), "0+0");
}

TEST(Trace, DoesNotDependOnWhereThePiecesSplit) {
  for (std::size_t piece = 1; piece < 30; ++piece) {
    EXPECT_TRUE(loops("A: 1\nDelivered-To: a@\nDelivered-To: a@b\n\n", piece)) << piece;
    EXPECT_FALSE(loops("Delivered-To: a@bb\r\n\r\nDelivered-To: a@b\n", piece)) << piece;
    EXPECT_EQ(
        hops("Received: from x\n by y\nReceived-SPF: z\nDelivered-To: a\n\nReceived: b\n", piece),
        "1+1");
  }
}

}  // namespace
}  // namespace porpoise::mail
