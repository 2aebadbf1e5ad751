#include "libmail/line_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

/// Every line of `octets`, fed in pieces of `piece`, each as "[text]" or "[too long]", "*" after
/// one with a bare CR or LF; what is left unfinished at the end is "...".
std::string lines(std::string_view octets, LineEnd end, std::size_t max = 255,
                  std::size_t piece = 4096) {
  LineReader reader(max, end);
  std::string shown;
  while (!octets.empty()) {
    octets.remove_prefix(reader.feed(octets.substr(0, piece)));
    if (!reader.complete()) continue;
    shown += reader.too_long() ? "[too long]" : fmt::format("[{}]", reader.text());
    if (reader.has_bare()) shown += "*";
    reader.clear();
  }
  return shown + (reader.empty() ? "" : "...");
}

std::string strict(std::string_view octets, std::size_t max = 255) {
  return lines(octets, LineEnd::crlf, max);
}

std::string either(std::string_view octets, std::size_t max = 255) {
  return lines(octets, LineEnd::crlf_or_lf, max);
}

TEST(LineReader, OnlyCrLfEndsALine) {
  EXPECT_EQ(strict("NOOP\r\nQUIT\r\n"), "[NOOP][QUIT]");
  EXPECT_EQ(strict("\r\n\r\n"), "[][]");
  EXPECT_EQ(strict("NOOP"), "...");
  EXPECT_EQ(strict("NOOP\r"), "...");
  EXPECT_EQ(strict("NOOP\n"), "...");
  EXPECT_EQ(strict("\n"), "...");
}

TEST(LineReader, ABareCrOrLfBelongsToTheLineAndIsTold) {
  EXPECT_EQ(strict("NOOP\nRSET\r\n"), "[NOOP\nRSET]*");
  EXPECT_EQ(strict("NOOP\rRSET\r\n"), "[NOOP\rRSET]*");
  EXPECT_EQ(strict("NOOP\r\r\n"), "[NOOP\r]*");
  EXPECT_EQ(strict("NOOP\n\r\n"), "[NOOP\n]*");
  EXPECT_EQ(strict("\n\n\r\n"), "[\n\n]*");
  EXPECT_EQ(strict("NO\0OP\r\n"s), "[NO\0OP]"s);
}

TEST(LineReader, WhereAskedLfEndsALineToo) {
  EXPECT_EQ(either("STAT\r\nLIST\nQUIT\r\n"), "[STAT][LIST][QUIT]");
  EXPECT_EQ(either("\r\n\n"), "[][]");
  EXPECT_EQ(either("STAT\rQUIT\r\n"), "[STAT\rQUIT]*");
  EXPECT_EQ(either("STAT\r"), "...");
  EXPECT_EQ(either("STAT\r\r\n"), "[STAT\r]*");
}

TEST(LineReader, TheLimitCountsTheLineEnd) {
  EXPECT_EQ(strict("12345678\r\n", 10), "[12345678]");
  EXPECT_EQ(strict("123456789\r\n", 10), "[too long]");
  EXPECT_EQ(either("12345678\r\n", 10), "[12345678]");
  EXPECT_EQ(either("12345678\n", 10), "[12345678]");
  EXPECT_EQ(either("123456789\r\n", 10), "[too long]");
  EXPECT_EQ(either("123456789\n", 10), "[too long]");
  EXPECT_EQ(strict("\r\n", 2), "[]");
  EXPECT_EQ(strict("x\r\n", 2), "[too long]");
}

TEST(LineReader, TheRestOfALongLineIsNoCommand) {
  EXPECT_EQ(strict("0123456789MAIL\r\nNOOP\r\n", 10), "[too long][NOOP]");
  EXPECT_EQ(strict("0123456789\nMAIL\rRSET\r\nNOOP\r\n", 10), "[too long][NOOP]");
  EXPECT_EQ(either("0123456789DELE 1\r\nNOOP\r\n", 10), "[too long][NOOP]");
  EXPECT_EQ(strict(std::string(100000, 'x') + "\r\nNOOP\r\n", 10), "[too long][NOOP]");
  EXPECT_EQ(strict(std::string(100000, '\r') + "\nNOOP\r\n", 10), "[too long][NOOP]");
}

TEST(LineReader, LinesDoNotDependOnWhereThePiecesSplit) {
  for (std::string_view octets : {"A\r\nB\nC\rD\r\n", "12345678\r\n123456789\r\nX", "\r\n\r\r\n",
                                  "12345678\r9\n\r\n\n\r\n", "1234567\r\r\nx"}) {
    for (LineEnd end : {LineEnd::crlf, LineEnd::crlf_or_lf}) {
      for (std::size_t piece : {1, 2, 3}) {
        EXPECT_EQ(lines(octets, end, 10, piece), lines(octets, end, 10)) << octets;
      }
    }
  }
}

}  // namespace
}  // namespace porpoise::mail
