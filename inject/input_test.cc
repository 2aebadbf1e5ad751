#include "inject/input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "posix/process.h"
#include "posix/unique_fd.h"

namespace porpoise::inject {
namespace {

// What belongs to the message, then "|end" where the line of a dot was found.
std::string until_dot(std::string_view text, std::size_t piece = 4096) {
  DotEnd dot;
  std::string out;
  bool found = false;
  for (std::size_t at = 0; at < text.size() && !found; at += piece) {
    found = dot.feed(text.substr(at, piece), out);
  }
  return out + (found ? "|end" : "");
}

std::string with_lf(std::string_view text, std::size_t piece = 4096) {
  LineEnds ends;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) out += ends.feed(text.substr(at, piece));
  out += ends.finish();
  return out;
}

TEST(DotEnd, ALineOfASingleDotEndsTheMessage) {
  EXPECT_EQ(until_dot("a\n.\nb\n"), "a\n|end");
  EXPECT_EQ(until_dot("a\r\n.\r\nb\r\n"), "a\r\n|end");
  EXPECT_EQ(until_dot(".\nb\n"), "|end");
  EXPECT_EQ(until_dot("a\n."), "a\n");
}

TEST(DotEnd, OtherDotsAreText) {
  for (const char* text : {"a.\nb\n", "..\n", "..a\n", ".a\n", ". \n", ".\rb\n", "a\n.\r.\n",
                           " .\n", "a\r.\nb", "..", ".\r\r\n", "a"}) {
    EXPECT_EQ(until_dot(text), text);
  }
}

TEST(DotEnd, DoesNotDependOnWhereThePiecesSplit) {
  for (const char* text : {"a\n.\nb\n", "a\r\n.\r\nb", ".\r.\n.\n", "a\n..\n.\r\n", ".a\n.b\n"}) {
    for (std::size_t piece = 1; piece < 5; ++piece) {
      EXPECT_EQ(until_dot(text, piece), until_dot(text)) << text;
    }
  }
}

TEST(LineEnds, CrLfBecomesLfWhereverItStands) {
  EXPECT_EQ(with_lf("a\r\nb\nc\r\n"), "a\nb\nc\n");
  EXPECT_EQ(with_lf("a\nb\r\n"), "a\nb\n");
  EXPECT_EQ(with_lf("\r\n\r\n"), "\n\n");
}

TEST(LineEnds, ACrThatEndsNoLineIsContent) {
  EXPECT_EQ(with_lf("c\rd\r\r\ne\n"), "c\rd\r\ne\n");
  EXPECT_EQ(with_lf("\n\ra\n"), "\n\ra\n");
}

TEST(LineEnds, TheLastLineIsCompleted) {
  EXPECT_EQ(with_lf(""), "");
  EXPECT_EQ(with_lf("a"), "a\n");
  EXPECT_EQ(with_lf("a\nb"), "a\nb\n");
  EXPECT_EQ(with_lf("a\r"), "a\n");
  EXPECT_EQ(with_lf("\r"), "\n");
}

TEST(LineEnds, DoesNotDependOnWhereThePiecesSplit) {
  for (const char* text : {"a\r\nb\r\n", "a\nb\r\nc\r", "\r\r\n\r\n", "ab\rc\nd\r\n", "\r", "\n"}) {
    for (std::size_t piece = 1; piece < 5; ++piece) {
      EXPECT_EQ(with_lf(text, piece), with_lf(text)) << text;
    }
  }
}

TEST(Input, GivesPiecesUntilTheEnd) {
  auto pipe = posix::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_EQ(::write(pipe->write.get(), "ab", 2), 2);
  pipe->write.reset();
  Input input(pipe->read.get(), false);
  EXPECT_EQ(input.next().value(), "ab");
  EXPECT_EQ(input.next().value(), "");
  EXPECT_EQ(input.next().value(), "");
}

TEST(Input, MayBeginWithAText) {
  auto pipe = posix::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_EQ(::write(pipe->write.get(), "ab", 2), 2);
  pipe->write.reset();
  Input input(pipe->read.get(), false);
  input.begin_with("before");
  EXPECT_EQ(input.next().value(), "before");
  EXPECT_EQ(input.next().value(), "ab");
  EXPECT_EQ(input.next().value(), "");
}

TEST(Input, ReadsNothingBehindTheDot) {
  auto pipe = posix::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_EQ(::write(pipe->write.get(), "a\n.\n", 4), 4);
  Input input(pipe->read.get(), true);
  EXPECT_EQ(input.next().value(), "a\n");
  EXPECT_EQ(input.next().value(), "");  // the pipe is still open: a read would hang
}

TEST(Input, AFolderIsNoInput) {
  const posix::UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Input input(folder.get(), false);
  const auto piece = input.next();
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().cause, Cause::no_input);
}

}  // namespace
}  // namespace porpoise::inject
