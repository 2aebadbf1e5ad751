#include "front/init.h"

#include <gmock/gmock.h>

#include "front/parts.h"

namespace porpoise::front {
namespace {

using ::testing::ElementsAre;

TEST(ShellWord, PlainTextStaysPlain) {
  for (const std::string plain : {"a", "/srv/mail-1/x_y.z", "a@b,c=d:e+f%g"}) {
    EXPECT_EQ(shell_word(plain), plain);
  }
}

TEST(ShellWord, EverythingElseIsQuoted) {
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("~a"), "'~a'");
  EXPECT_EQ(shell_word("$HOME;`x`"), "'$HOME;`x`'");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
}

TEST(WithVariable, ReplacesWhatWasThere) {
  EXPECT_THAT(with_variable({"A=1", "PORPOISE=old", "B=2", "PORPOISE=older"}, "PORPOISE", "new"),
              ElementsAre("A=1", "B=2", "PORPOISE=new"));
}

TEST(WithVariable, LeavesLongerNamesAlone) {
  EXPECT_THAT(with_variable({"PORPOISE_BIN=/x", "XPORPOISE=y"}, "PORPOISE", ""),
              ElementsAre("PORPOISE_BIN=/x", "XPORPOISE=y", "PORPOISE="));
}

}  // namespace
}  // namespace porpoise::front
