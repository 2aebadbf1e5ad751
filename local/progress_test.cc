#include "local/progress.h"

#include <gtest/gtest.h>

namespace porpoise::local {
namespace {

TEST(Progress, SaysWhatIsDone) {
  EXPECT_EQ(encode({.dot_file = 0xabc, .done = 3}), "dot=0000000000000abc done=3");
  EXPECT_EQ(encode({.dot_file = 1, .done = 2, .stopped = true, .sent = "0abc"}),
            "dot=0000000000000001 done=2 stop sent=0abc");
}

TEST(Progress, SurvivesTheWayThere) {
  for (const Progress& p :
       {Progress{}, Progress{.dot_file = ~0ull, .done = 70000},
        Progress{.dot_file = 5, .done = 1, .stopped = true}, Progress{.dot_file = 5, .sent = "-"},
        Progress{.dot_file = 5, .done = 9, .stopped = true, .sent = "x1"}}) {
    EXPECT_EQ(decode(encode(p)), p) << encode(p);
  }
}

TEST(Progress, OnlyWhatWasWrittenIsRead) {
  for (const char* note :
       {"", "dot=", "dot=1 done=1", "done=1", "dot=0000000000000001",
        "dot=0000000000000001 done=", "dot=0000000000000001 done=-1", "dot=0000000000000001 done=x",
        "dot=0000000000000001 done=1 ", "dot=0000000000000001 done=1 stop ",
        "dot=0000000000000001 done=1 sent=", "dot=0000000000000001 done=1 sent=a b",
        "dot=0000000000000001 done=1 sent=a stop", "dot=000000000000000G done=1",
        "dot=00000000000000011 done=1", "dot=0000000000000001 done=99999999999", "junk"}) {
    EXPECT_EQ(decode(note), std::nullopt) << note;
  }
}

TEST(Progress, NothingMakesANoteLong) {
  const Progress p{
      .dot_file = ~0ull, .done = 2147483647, .stopped = true, .sent = std::string(5000, '\n')};
  EXPECT_LT(encode(p).size(), 100u);
  EXPECT_EQ(encode(p).find('\n'), std::string::npos);
}

TEST(Checksum, ChangesWithTheText) {
  EXPECT_EQ(checksum(""), 0xcbf29ce484222325u);
  EXPECT_EQ(checksum("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_NE(checksum("./Maildir/\n"), checksum("./Maildir/"));
}

}  // namespace
}  // namespace porpoise::local
