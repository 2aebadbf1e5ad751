#include "libmail/wire_text.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

/// The wire form of `text`, fed in pieces of `piece`; TOP with `lines` lines where given.
std::string sent(std::string_view text, std::size_t piece = 4096,
                 std::uint64_t lines = UINT64_MAX) {
  WireText wire;
  TopLimit top(lines);
  std::string out;
  while (!text.empty() && !top.reached()) {
    const std::string_view next = text.substr(0, piece);
    wire.encode(next.substr(0, top.take(next)), out);
    text.remove_prefix(next.size());
  }
  wire.finish(&out);
  return out;
}

std::uint64_t counted(std::string_view text, std::size_t piece = 4096) {
  WireText wire;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    wire.count(text.substr(0, piece));
  wire.finish();
  return wire.octets();
}

const std::string kTexts[] = {
    "",
    "\n",
    "\r\n",
    ".",
    ".\n",
    "..\n.a\n",
    "a\n.\nb\n",
    "a",
    "a\r",
    "a\r\n",
    "a\rb\n",
    "a\n\r\nb",
    "\r\r\n",
    "\n.\n",
    "\n\n\n",
    "\0\n.\0"s,
    "\r.\n",
    "Subject: x\n\nbody\n",
    "A: b\r\n\r\n..\r\n",
};

/// The same for SMTP.
std::string sent_by_smtp(std::string_view text, std::size_t piece = 4096) {
  WireText wire(BareCr::to_crlf);
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    wire.encode(text.substr(0, piece), out);
  }
  wire.finish(&out);
  return out;
}

TEST(WireText, LinesEndInCrLf) {
  EXPECT_EQ(sent("a\nb\n"), "a\r\nb\r\n");
  EXPECT_EQ(sent("a\r\nb\r\n"), "a\r\nb\r\n");
}

TEST(WireText, AnUnfinishedLastLineIsCompletedAndNothingElseIsAdded) {
  EXPECT_EQ(sent("a"), "a\r\n");
  EXPECT_EQ(sent("a\n"), "a\r\n");
  EXPECT_EQ(sent(""), "");
  EXPECT_EQ(sent("a\r"), "a\r\r\n");
}

TEST(WireText, LoneCrAndNulPassUnchanged) {
  EXPECT_EQ(sent("a\rb\0c\n"s), "a\rb\0c\r\n"s);
  EXPECT_EQ(sent("a\r\r\n"), "a\r\r\n");
}

TEST(WireText, ADotIsDoubledAtTheStartOfALineOnly) {
  EXPECT_EQ(sent(".\n..\n.x\na.b\n"), "..\r\n...\r\n..x\r\na.b\r\n");
  EXPECT_EQ(sent("a\r.\n"), "a\r.\r\n");
  EXPECT_EQ(sent("."), "..\r\n");
}

TEST(WireText, ForSmtpEveryCrAndLfIsALineEnd) {
  EXPECT_EQ(sent_by_smtp("a\rb\n"), "a\r\nb\r\n");
  EXPECT_EQ(sent_by_smtp("a\r\nb\r\n"), "a\r\nb\r\n");
  EXPECT_EQ(sent_by_smtp("a\r\r\nb"), "a\r\n\r\nb\r\n");
  EXPECT_EQ(sent_by_smtp("a\n\rb"), "a\r\n\r\nb\r\n");
  EXPECT_EQ(sent_by_smtp("a\r"), "a\r\n");
  EXPECT_EQ(sent_by_smtp(""), "");
}

TEST(WireText, ForSmtpNoTextHoldsAnEnd) {
  // All texts of these octets: no CR or LF but as CRLF, and no line of one dot.
  constexpr std::string_view kOctets = "\r\n.x";
  constexpr int kLength = 7;
  for (int n = 0; n < 1 << (2 * kLength); ++n) {
    std::string text;
    for (int i = 0; i < kLength; ++i) text += kOctets[static_cast<std::size_t>(n >> (2 * i) & 3)];
    const std::string wire = sent_by_smtp(text);
    for (std::size_t at = 0; at < wire.size(); ++at) {
      ASSERT_TRUE(wire[at] != '\r' || wire.substr(at, 2) == "\r\n") << n;
      ASSERT_TRUE(wire[at] != '\n' || wire.substr(at - 1, 2) == "\r\n") << n;
    }
    ASSERT_EQ(("\r\n" + wire).find("\r\n.\r\n"), std::string::npos) << n;
    for (std::size_t piece : {1, 2, 3}) ASSERT_EQ(sent_by_smtp(text, piece), wire) << n;
    WireText counter(BareCr::to_crlf), writer(BareCr::to_crlf);
    std::string ignored;
    for (const char c : text) counter.count({&c, 1});
    writer.encode(text, ignored);
    ASSERT_EQ(counter.octets(), writer.octets()) << n;
  }
}

TEST(WireText, NothingDependsOnWhereThePiecesSplit) {
  for (const std::string& text : kTexts) {
    for (std::size_t piece : {1, 2, 3}) {
      EXPECT_EQ(sent(text, piece), sent(text)) << text;
      EXPECT_EQ(counted(text, piece), counted(text)) << text;
      for (std::uint64_t lines : {0, 1, 2})
        EXPECT_EQ(sent(text, piece, lines), sent(text, 4096, lines)) << text;
    }
  }
}

TEST(WireText, TheCountIsWhatIsSentWithoutTheStuffing) {
  for (const std::string& text : kTexts) {
    const std::string wire = sent(text);
    std::size_t stuffed = 0;
    for (std::size_t at = 0; at < wire.size(); ++at) {
      if (wire[at] == '.' && (at == 0 || wire[at - 1] == '\n')) ++stuffed;
    }
    EXPECT_EQ(counted(text), wire.size() - stuffed) << text;
  }
}

TEST(TopLimit, IsHeaderBlankLineAndSoManyLines) {
  const char* text = "A: 1\nB: 2\n\none\ntwo\nthree\n";
  EXPECT_EQ(sent(text, 4096, 0), "A: 1\r\nB: 2\r\n\r\n");
  EXPECT_EQ(sent(text, 4096, 1), "A: 1\r\nB: 2\r\n\r\none\r\n");
  EXPECT_EQ(sent(text, 4096, 2), "A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n");
  EXPECT_EQ(sent(text, 4096, 3), sent(text));
  EXPECT_EQ(sent(text, 4096, 4), sent(text));
}

TEST(TopLimit, BlankLinesOfTheBodyCountAsLines) {
  EXPECT_EQ(sent("A: 1\n\n\n\nx\n", 4096, 2), "A: 1\r\n\r\n\r\n\r\n");
}

TEST(TopLimit, AMessageWithoutABodyIsSentWhole) {
  EXPECT_EQ(sent("A: 1\nB: 2\n", 4096, 0), "A: 1\r\nB: 2\r\n");
  EXPECT_EQ(sent("A: 1", 4096, 0), "A: 1\r\n");
}

TEST(TopLimit, CrLfMessagesEndAtTheSamePlace) {
  EXPECT_EQ(sent("A: 1\r\n\r\none\r\ntwo\r\n", 4096, 1), "A: 1\r\n\r\none\r\n");
}

}  // namespace
}  // namespace porpoise::mail
