#include "instance/control.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/file.h"

namespace porpoise {
namespace {

namespace fs = std::filesystem;

class ControlTest : public testing::Test {
 protected:
  ControlTest() {
    std::string name = (fs::temp_directory_path() / "control-test-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    fs::create_directory(top_ / "control");
    folder_ = std::move(*posix::open_folder(posix::kHere, top_));
  }
  ~ControlTest() override { fs::remove_all(top_); }

  void put(const std::string& name, const std::string& text) {
    std::ofstream(top_ / "control" / name) << text;
  }
  // The value, "(not set)" or the error's text.
  std::string line(const std::string& text) {
    put("x", text);
    Result<std::optional<std::string>> value = Control(folder_.get()).line("x");
    return value ? value->value_or("(not set)") : value.error().text;
  }
  std::string number(const std::string& text) {
    put("x", text);
    Result<std::int64_t> value = Control(folder_.get()).number_or("x", 7);
    if (value) return std::to_string(*value);
    EXPECT_EQ(value.error().fate, Fate::temporary);
    return value.error().text;
  }
  // "a|b|" or "(not set)"
  std::string list(const std::string& text) {
    put("x", text);
    Result<Control::List> list = Control(folder_.get()).list("x");
    EXPECT_TRUE(list && list->set);
    std::string shown;
    for (const std::string& entry : list->entries) shown += entry + "|";
    return shown;
  }

  fs::path top_;
  posix::UniqueFd folder_;
};

TEST_F(ControlTest, TheFirstLineIsTheValue) {
  EXPECT_EQ(line("a b\nc\n"), "a b");
  EXPECT_EQ(line("no line feed"), "no line feed");
}

TEST_F(ControlTest, BlanksAndACrAroundItDoNotCount) {
  EXPECT_EQ(line(" \ta \t\r\n"), "a");
}

TEST_F(ControlTest, AnEmptyFileIsNotSet) {
  EXPECT_EQ(line(""), "(not set)");
  EXPECT_EQ(line("\nsecond\n"), "(not set)");
  EXPECT_EQ(line(" \r\n"), "(not set)");
}

TEST_F(ControlTest, AHashIsNoCommentInAOneLineFile) {
  EXPECT_EQ(line("#a\n"), "#a");
}

TEST_F(ControlTest, AMissingFileIsNotSet) {
  const Control control(folder_.get());
  EXPECT_EQ(control.line("none")->has_value(), false);
  EXPECT_EQ(control.text("none")->has_value(), false);
  EXPECT_EQ(control.line_or("none", "else"), "else");
  EXPECT_EQ(control.number_or("none", 5), 5);
  EXPECT_FALSE(control.list("none")->set);
}

TEST_F(ControlTest, AnyOtherFailureIsTemporaryAndNamesTheFile) {
  fs::create_directory(top_ / "control/folder");
  const Control control(folder_.get());
  for (const Error& error :
       {control.line("folder").error(), control.text("folder").error(),
        control.line_or("folder", "x").error(), control.number_or("folder", 1).error(),
        control.list("folder").error()}) {
    EXPECT_EQ(error.text, "reading control/folder: not a regular file");
    EXPECT_EQ(error.fate, Fate::temporary);
  }
}

TEST_F(ControlTest, AFifoDoesNotBlock) {
  ASSERT_EQ(::mkfifo((top_ / "control/fifo").c_str(), 0600), 0);
  EXPECT_EQ(Control(folder_.get()).line("fifo").error().text,
            "reading control/fifo: not a regular file");
}

TEST_F(ControlTest, NumbersAreWholeAndNotNegative) {
  EXPECT_EQ(number("0\n"), "0");
  EXPECT_EQ(number(" 42 \n"), "42");
  EXPECT_EQ(number(""), "7");
  EXPECT_EQ(number("10abc\n"), "control/x: \"10abc\" is not a number");
  EXPECT_EQ(number("-1\n"), "control/x: \"-1\" is not a number");
  EXPECT_EQ(number("1 2\n"), "control/x: \"1 2\" is not a number");
  EXPECT_EQ(number("99999999999999999999\n"),
            "control/x: \"99999999999999999999\" is not a number");
  EXPECT_EQ(number("abc\n"), "control/x: \"abc\" is not a number");
}

TEST_F(ControlTest, ListsSkipCommentsAndEmptyLines) {
  EXPECT_EQ(list("a\n\n#b\n c \r\n\t\nd#\nlast"), "a|c|d#|last|");
  EXPECT_EQ(list(""), "");
}

TEST_F(ControlTest, MeStandsInForHostNames) {
  const Control control(folder_.get());
  EXPECT_EQ(control.line_or_me("x"), "localhost");
  put("me", "mx.test\n");
  EXPECT_EQ(control.line_or_me("x"), "mx.test");
  put("x", "\n");
  EXPECT_EQ(control.line_or_me("x"), "mx.test");
  put("x", "own.test\n");
  EXPECT_EQ(control.line_or_me("x"), "own.test");
}

TEST(Ascii, OnlyAsciiLettersChange) {
  EXPECT_EQ(ascii_lower("AZ[@\xc3\x84"), "az[@\xc3\x84");
  EXPECT_TRUE(ascii_equal("Here.TEST", "hERE.test"));
  EXPECT_FALSE(ascii_equal("a", "ab"));
  EXPECT_FALSE(ascii_equal("@", "`"));
}

}  // namespace
}  // namespace porpoise
