#include "libmail/dot_stuffing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "libmail/wire_text.h"

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

/// What is read of `wire` in pieces of `piece`: "STORED|REST", "..." for REST where there was no
/// end, then the first bare octet and its place.
std::string read(std::string_view wire, std::size_t piece = 4096) {
  DotReader reader;
  std::string out;
  while (!wire.empty() && !reader.done()) {
    wire.remove_prefix(reader.feed(wire.substr(0, piece), out));
  }
  out += '|';
  out += reader.done() ? wire : "...";
  if (const auto& bare = reader.first_bare()) {
    out += fmt::format(" bare {} at {}", bare->octet == '\r' ? "CR" : "LF", bare->at);
  }
  return out;
}

TEST(DotReader, TheEndIsALineOfOneDot) {
  EXPECT_EQ(read("a\r\n.\r\n"), "a\n|");
  EXPECT_EQ(read("a\r\nb\r\n.\r\nQUIT\r\n"), "a\nb\n|QUIT\r\n");
  EXPECT_EQ(read(".\r\n"), "|");
  EXPECT_EQ(read(".\r\n.\r\n"), "|.\r\n");
  EXPECT_EQ(read("a\r\n"), "a\n|...");
  EXPECT_EQ(read("a\r\n."), "a\n|...");
  EXPECT_EQ(read("a\r\n.\r"), "a\n|...");
  EXPECT_EQ(read("a\r\n.x"), "a\nx|...");
}

TEST(DotReader, TheFirstDotOfALineIsTakenOff) {
  EXPECT_EQ(read("..\r\n...\r\n..x\r\na.b\r\n.\r\n"), ".\n..\n.x\na.b\n|");
  EXPECT_EQ(read(".x\r\n. \r\n .\r\n.\t\r\n.\r\n"), "x\n \n .\n\t\n|");
  EXPECT_EQ(read("\r\n..\r\n\r\n.\r\n"), "\n.\n\n|");
}

TEST(DotReader, EveryOtherOctetPasses) {
  std::string octets;
  for (int c = 0; c < 256; ++c) {
    if (c != '\r' && c != '\n') octets += static_cast<char>(c);
  }
  EXPECT_EQ(read(octets + octets + "\r\n.\r\n"), octets + octets + "\n|");
}

// Each would end the text for some server that somebody runs, or did.
TEST(DotReader, NoSmugglingSequenceIsAnEnd) {
  EXPECT_EQ(read("a\n.\nM"), "a\n.\nM|... bare LF at 1");
  EXPECT_EQ(read("a\n.\r\nM"), "a\n.\nM|... bare LF at 1");
  EXPECT_EQ(read("a\r\n.\nM"), "a\n\nM|... bare LF at 4");
  EXPECT_EQ(read("a\r\n.\rM"), "a\n\rM|... bare CR at 4");
  EXPECT_EQ(read("a\r.\rM"), "a\r.\rM|... bare CR at 1");
  EXPECT_EQ(read("a\r.\nM"), "a\r.\nM|... bare CR at 1");
  EXPECT_EQ(read("a\r.\r\nM"), "a\r.\nM|... bare CR at 1");
  EXPECT_EQ(read("a\r\n.\r\r\nM"), "a\n\r\nM|... bare CR at 4");
  EXPECT_EQ(read("a\r\n\r.\r\nM"), "a\n\r.\nM|... bare CR at 3");
  EXPECT_EQ(read("a\r\n\0.\r\nM"s), "a\n\0.\nM|..."s);
  EXPECT_EQ(read("a\r\n.\0\r\nM"s), "a\n\0\nM|..."s);
  EXPECT_EQ(read("a\r\n.\n\r\nM"), "a\n\n\nM|... bare LF at 4");
  EXPECT_EQ(read(".\nM"), "\nM|... bare LF at 1");
  EXPECT_EQ(read(".\rM"), "\rM|... bare CR at 1");
  EXPECT_EQ(read("\n.\r\nM"), "\n.\nM|... bare LF at 0");
  EXPECT_EQ(read("\r\r\n.\r\nM"), "\r\n|M bare CR at 0");
}

TEST(DotReader, NothingDependsOnWhereThePiecesSplit) {
  // All texts of these octets, to a length that goes through every state and out of it again.
  constexpr std::string_view kOctets = "\r\n.x";
  constexpr int kLength = 7;
  for (int n = 0; n < 1 << (2 * kLength); ++n) {
    std::string wire;
    for (int i = 0; i < kLength; ++i) wire += kOctets[static_cast<std::size_t>(n >> (2 * i) & 3)];
    const std::string whole = read(wire);
    for (std::size_t piece : {1, 2, 3}) ASSERT_EQ(read(wire, piece), whole) << n;
    // The end is where a search finds it, and nowhere else.
    const std::size_t end = ("\r\n" + wire).find("\r\n.\r\n");
    const std::string rest = end == std::string::npos ? "..." : wire.substr(end + 3);
    ASSERT_EQ(whole.substr(whole.find('|') + 1).substr(0, rest.size()), rest) << n;
  }
}

TEST(DotReader, LongLinesPassInBlocksOfAnyLength) {
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string line(length, 'l');
    EXPECT_EQ(read(line + "\r\n" + line + "\r\n.\r\nX"), line + "\n" + line + "\n|X");
    EXPECT_EQ(read(line + "\n" + line),
              line + "\n" + line + fmt::format("|... bare LF at {}", length));
  }
}

TEST(DotReader, TheSizeCountsLineEndsAsTwoAndNoStuffing) {
  const auto size = [](std::string_view wire) {
    DotReader reader;
    std::string out;
    for (; !wire.empty() && !reader.done(); wire.remove_prefix(1)) {
      (void)reader.feed(wire.substr(0, 1), out);
    }
    return reader.octets();
  };
  EXPECT_EQ(size(".\r\n"), 0u);
  EXPECT_EQ(size("a\r\n.\r\n"), 3u);
  EXPECT_EQ(size("..a\r\n...\r\n.\r\n"), 8u);
  EXPECT_EQ(size("a\nb\rc\r\n.\r\n"), 7u);
}

TEST(DotReader, ReadsWhatWireTextWrites) {
  for (const std::string& stored :
       {"a\n"s, ".\n..\n.x\n"s, "\n\n.\n"s, "a\rb\n"s, "x"s, ""s, "\r"s}) {
    WireText writer(BareCr::to_crlf);
    std::string wire, out;
    writer.encode(stored, wire);
    writer.finish(&wire);
    const std::uint64_t octets = writer.octets();
    wire += kEndOfText;
    DotReader reader;
    EXPECT_EQ(reader.feed(wire, out), wire.size());
    EXPECT_TRUE(reader.done());
    EXPECT_FALSE(reader.first_bare());
    EXPECT_EQ(reader.octets(), octets) << stored;
  }
}

}  // namespace
}  // namespace porpoise::mail
