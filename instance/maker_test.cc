#include "instance/maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/test_folder.h"

namespace porpoise {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MakerTest : public testing::Test {
 protected:
  posix::TestFolder folder_;
  std::vector<std::string> told_;
  Maker::Report report_ = [this](const std::string& line) { told_.push_back(line); };
  Maker maker_{folder_.fd(), "/there", report_};
};

TEST_F(MakerTest, TellsEachThingItMakes) {
  EXPECT_TRUE(maker_.folder("a", 0700));
  EXPECT_TRUE(maker_.folder("a/b", 0755));
  EXPECT_TRUE(maker_.fifo("f", 0600));
  EXPECT_TRUE(maker_.link("l", "/etc/porpoise"));
  EXPECT_TRUE(maker_.file("t", "one\ntwo\n"));
  EXPECT_TRUE(maker_.sync("a"));
  EXPECT_THAT(told_, ElementsAre("/there/a/", "/there/a/b/", "/there/f",
                                 "/there/l -> /etc/porpoise", "/there/t: one"));
  EXPECT_EQ(folder_.text("t"), "one\ntwo\n");
  EXPECT_EQ(std::filesystem::read_symlink(folder_.path("l")), "/etc/porpoise");
}

TEST_F(MakerTest, WhatIsThereIsKeptAndNotTold) {
  folder_.make_folder("a");
  folder_.write("t", "mine\n");
  std::filesystem::create_symlink("/mine", folder_.path("l"));
  const Identity nobody{.name = "nobody", .uid = 65534, .gid = 65534};
  EXPECT_TRUE(maker_.folder("a", 0755));
  EXPECT_TRUE(maker_.folder_of(nobody, "a", 0755));
  EXPECT_TRUE(maker_.file("t", "other\n"));
  EXPECT_TRUE(maker_.file("l", "other\n"));  // also a link that leads nowhere
  EXPECT_TRUE(maker_.link("l", "/other"));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(folder_.text("t"), "mine\n");
  EXPECT_EQ(std::filesystem::read_symlink(folder_.path("l")), "/mine");
  EXPECT_EQ(posix::stat_of(folder_.make_folder("a").get(), "a")->st_uid, ::geteuid());
}

TEST_F(MakerTest, AFailureNamesTheActAndTheWholePath) {
  EXPECT_EQ(maker_.folder("no/a", 0700).error().text,
            "making folder /there/no/a: No such file or directory");
  EXPECT_EQ(maker_.fifo("no/f", 0600).error().text,
            "making /there/no/f: No such file or directory");
  EXPECT_EQ(maker_.link("no/l", "x").error().text,
            "linking /there/no/l: No such file or directory");
  EXPECT_EQ(maker_.file("no/t", "x").error().text,
            "writing /there/no/t: No such file or directory");
  EXPECT_EQ(maker_.sync("no").error().text, "opening folder /there/no: No such file or directory");
  const Identity nobody{.name = "nobody", .uid = 65534, .gid = 65534};
  EXPECT_EQ(maker_.folder_of(nobody, "no/a", 0755).error().text,
            "making folder /there/no/a: No such file or directory");
  EXPECT_THAT(told_, IsEmpty());
}

}  // namespace
}  // namespace porpoise
