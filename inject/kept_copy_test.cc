#include "inject/kept_copy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "posix/file.h"
#include "posix/test_folder.h"

namespace porpoise::inject {
namespace {
TEST(KeptCopy, NothingIsThereBeforeItIsNeeded) {
  const posix::TestFolder folder;
  {
    KeptCopy copy(folder.path("kept"));
    copy.keep("To: a\n");
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(KeptCopy, HoldsWhatItWasGiven) {
  const posix::TestFolder folder;
  KeptCopy copy(folder.path("kept"));
  copy.keep("To: a\r\n");
  copy.keep("");
  copy.keep(std::string_view("\0\xff", 2));
  EXPECT_EQ(copy.save().value(), folder.path("kept"));
  EXPECT_EQ(folder.text("kept"), std::string("To: a\r\n\0\xff", 9));
  EXPECT_EQ(folder.names().size(), 1u);
  struct stat st;
  ASSERT_EQ(::stat(folder.path("kept").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST(KeptCopy, NeverOverwrites) {
  const posix::TestFolder folder;
  folder.write("kept", "old");
  for (const char* name : {"kept.1", "kept.2"}) {
    KeptCopy copy(folder.path("kept"));
    copy.keep(name);
    EXPECT_EQ(copy.save().value(), folder.path(name));
    EXPECT_EQ(folder.text(name), name);
  }
  EXPECT_EQ(folder.text("kept"), "old");
  EXPECT_EQ(folder.names().size(), 3u);
}

TEST(KeptCopy, SaysAtTheEndWhatWentWrongAtTheBeginning) {
  const posix::TestFolder folder;
  KeptCopy copy(folder.path("none/kept"));
  copy.keep("x");
  EXPECT_EQ(copy.save().error().text,
            fmt::format("opening {}: No such file or directory", folder.path("none/")));
  for (const char* path : {"", ".", "a/.."}) {
    EXPECT_EQ(KeptCopy(path).save().error().text, fmt::format("\"{}\" is no file", path));
  }
}

}  // namespace
}  // namespace porpoise::inject
