#include "libmail/fold.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "libmail/encoded_word.h"

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

std::string unstructured(std::string_view text, std::size_t column = 0) {
  return fold(text, FoldMode::unstructured, column);
}
std::string structured(std::string_view text, std::size_t column = 0) {
  return fold(text, FoldMode::structured, column);
}
std::string words(std::size_t count, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += " " + std::string(size, 'x');
  return text;
}
std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  return longest;
}

// R822-3.1.1-unfold R5322-4.2-obs-fws-multi
TEST(Unfold, LineEndsVanishAndBlanksStay) {
  EXPECT_EQ(unfold(" a\n b\n\tc\n"), " a b\tc");
  EXPECT_EQ(unfold(" a\r\n \r\n\tb\r\n"), " a \tb");
  EXPECT_EQ(unfold(""), "");
  EXPECT_EQ(unfold("\n"), "");
  EXPECT_EQ(unfold("\r\n"), "");
}

// R5322-4.1-obs-nul-cr-lf
TEST(Unfold, OtherOctetsStay) {
  EXPECT_EQ(unfold(" a\0b\rc\xff\r\r\n"s), " a\0b\rc\xff\r"s);
  EXPECT_EQ(unfold("a\r"), "a\r");
}

TEST(FieldValue, HasNoBlanksAtItsEnds) {
  EXPECT_EQ(field_value(" a  b\t\n"), "a  b");
  EXPECT_EQ(field_value(" \n \n"), "");
  EXPECT_EQ(field_value("\n a\n"), "a");
}

TEST(Fold, ShortTextStaysOnItsLine) {
  EXPECT_EQ(unstructured(" a b"), " a b");
  EXPECT_EQ(unstructured(""), "");
  EXPECT_EQ(unstructured("   "), "   ");
  const std::string text = " " + std::string(69, 'x');
  EXPECT_EQ(unstructured(text, 8), text);
}

TEST(Fold, LinesBreakBeforeBlanksAtColumn78) {
  EXPECT_EQ(unstructured(words(16, 4), 3), words(15, 4) + "\n" + words(1, 4));
  EXPECT_EQ(unstructured(words(16, 4), 4), words(14, 4) + "\n" + words(2, 4));
  EXPECT_EQ(longest_line(unstructured(words(1000, 6), 10)), 77U);
}

TEST(Fold, AllBlanksBetweenTwoWordsGoToTheNextLine) {
  const std::string word(50, 'x');
  EXPECT_EQ(unstructured(word + "   " + word), word + "\n   " + word);
}

TEST(Fold, BlanksAtTheEndMakeNoLineOfTheirOwn) {
  const std::string text = " " + std::string(76, 'x') + std::string(20, ' ');
  EXPECT_EQ(unstructured(text), text);
  EXPECT_EQ(unstructured(" x" + text), " x\n" + text);
}

TEST(Fold, TheFirstWordStaysBesideTheName) {
  const std::string text = " " + std::string(100, 'x') + " y";
  EXPECT_EQ(unstructured(text, 8), " " + std::string(100, 'x') + "\n y");
}

TEST(Fold, ALineWithAnEncodedWordHas76Octets) {
  const std::string word = " =?utf-8?q?" + std::string(64, 'x') + "?=";  // 77
  EXPECT_EQ(unstructured(" ab" + word), " ab\n" + word);
  const std::string one = " =?utf-8?q?x?=";  // 14
  EXPECT_EQ(unstructured(one + words(1, 61)), one + words(1, 61));
  EXPECT_EQ(unstructured(one + words(1, 62)), one + "\n" + words(1, 62));
}

TEST(Fold, NeverInsideAQuotedStringOrALiteral) {
  const std::string quoted = "\"" + words(20, 5) + " \\\" ( \"";
  EXPECT_EQ(structured(" a " + quoted + " b"), " a\n " + quoted + "\n b");
  const std::string literal = "[" + words(20, 5) + "\" ]";
  EXPECT_EQ(structured(" a@" + literal + " b"), " a@" + literal + "\n b");
}

TEST(Fold, CommentsMayBeFoldedAndQuotesInThemAreNone) {
  EXPECT_EQ(structured(" (don\"t " + std::string(71, 'x') + " y) b"),
            " (don\"t\n " + std::string(71, 'x') + " y) b");
  EXPECT_EQ(structured(" ) ( ) \" " + std::string(80, 'x') + "\""),
            " ) ( )\n \" " + std::string(80, 'x') + "\"");
}

TEST(Fold, NoLineIsLongerThan998) {
  const std::string quoted = "\"" + words(300, 5) + "\"";
  EXPECT_LE(longest_line(structured(" " + quoted, 8)), kLongestLine);
  EXPECT_EQ(unfold(structured(" " + quoted, 8)), " " + quoted);
  EXPECT_LE(longest_line(unstructured(std::string(5000, ' ') + "x")), kLongestLine);
  EXPECT_EQ(unfold(unstructured(std::string(5000, ' ') + "x")), std::string(5000, ' ') + "x");
}

// R6532-3.4-line-octets
TEST(Fold, AWordOfMoreThan998OctetsIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 700; ++i) text += "\u20ac";
  const std::string folded = unstructured(" " + text, 8);
  EXPECT_LE(longest_line(folded), kLongestLine);
  EXPECT_EQ(std::ranges::count(folded, '\n'), 2);
  std::string without = folded;
  std::erase_if(without, [](char c) { return c == '\n' || c == ' '; });
  EXPECT_EQ(without, text);
  for (std::size_t at = folded.find('\n'); at != std::string::npos;
       at = folded.find('\n', at + 1)) {
    EXPECT_EQ(folded.substr(at, 5), "\n \u20ac");
  }
}

TEST(Fold, LineEndsInTheTextAreLeftOut) {
  EXPECT_EQ(unstructured(" a\r\n b\nBcc: c\r"), " a bBcc: c");
}

TEST(PrintUnstructured, EncodesAndFolds) {
  EXPECT_EQ(print_unstructured("Subject", "hello world"), "Subject: hello world\n");
  EXPECT_EQ(print_unstructured("Subject", ""), "Subject:\n");
  EXPECT_EQ(print_unstructured("Subject", "a\nBcc: b"), "Subject: =?us-ascii?q?a=0ABcc:?= b\n");
  EXPECT_EQ(print_unstructured("Subject", "Gr\u00fc\u00dfe"),
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n");
}

TEST(PrintUnstructured, AnyTextComesBack) {
  std::string text = " \t";
  for (int i = 0; i < 300; ++i) text += i % 7 == 0 ? " " : "\u00f6x\U0001f42c";
  text += std::string(2000, 'y') + "\r\n " + std::string(100, ' ') + "z ";
  const std::string field = print_unstructured("X-Long", text);
  EXPECT_LE(longest_line(field), 78U);
  EXPECT_EQ(decode_words(field_value(std::string_view(field).substr(7))), text);
}

}  // namespace
}  // namespace porpoise::mail
