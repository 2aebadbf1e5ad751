#include "maildir/scan.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "posix/file.h"

namespace porpoise::maildir {
namespace {

namespace fs = std::filesystem;

class ScanTest : public testing::Test {
 protected:
  ScanTest() {
    char name[] = "/tmp/scan_test.XXXXXX";
    top_ = ::mkdtemp(name);
    for (const char* part : {"tmp", "new", "cur"}) fs::create_directory(top_ / part);
  }
  ~ScanTest() override { fs::remove_all(top_); }

  void put(const std::string& name, const std::string& text = "x\n") {
    std::ofstream(top_ / name) << text;
  }
  void rename(const std::string& from, const std::string& to) {
    fs::rename(top_ / from, top_ / to);
  }
  bool there(const std::string& name) const { return fs::exists(top_ / name); }
  std::string files() const {
    std::vector<std::string> names;
    for (const char* part : {"new", "cur"}) {
      for (const auto& entry : fs::directory_iterator(top_ / part)) {
        names.push_back(fmt::format("{}/{}", part, entry.path().filename().string()));
      }
    }
    std::ranges::sort(names);
    return fmt::format("{}", fmt::join(names, " "));
  }

  Scan scan(std::size_t max = kMaxScannedMessages) {
    Result<Scan> made = Scan::begin(top_.string(), max);
    EXPECT_TRUE(made) << made.error().text;
    return std::move(*made);
  }
  /// "new/NAME", "cur/NAME" or both for each message, in order.
  static std::string shown(const Scan& scan) {
    std::string text;
    for (const Message& m : scan.messages()) {
      if (!text.empty()) text += ' ';
      if (!m.new_name.empty()) text += "new/" + m.new_name;
      if (!m.new_name.empty() && !m.cur_name.empty()) text += '+';
      if (!m.cur_name.empty()) text += "cur/" + m.cur_name;
    }
    return text;
  }
  static std::string read(Scan& scan, std::size_t index) {
    Result<posix::UniqueFd> fd = scan.open(index);
    if (!fd) return fmt::format("error {}", fd.error().sys);
    return *posix::read_to_end(fd->get(), 1000, "the message");
  }

  fs::path top_;
};

TEST_F(ScanTest, NewAndCurAreOneListOrderedByTheTimeInTheName) {
  put("cur/9.a:2,S");
  put("new/10.M2P1.a");
  put("cur/10.M10P1.a:2,");
  put("new/10.b");
  put("new/1000000000.c");
  put("cur/999999999.d:2,FS");
  EXPECT_EQ(
      shown(scan()),
      "cur/9.a:2,S new/10.b new/10.M2P1.a cur/10.M10P1.a:2, cur/999999999.d:2,FS new/1000000000.c");
}

TEST_F(ScanTest, NamesWithoutATimeComeLastByTheirOctets) {
  put("new/zebra");
  put("new/apple");
  put("new/12345");
  put("new/2000000000.x");
  put("new/99999999999999999999.overflow");
  EXPECT_EQ(shown(scan()),
            "new/2000000000.x new/12345 new/99999999999999999999.overflow new/apple new/zebra");
}

TEST_F(ScanTest, DotNamesAreSkippedAndNothingElse) {
  put("new/.hidden");
  put("cur/.nfs0001");
  put("new/1.future");
  fs::last_write_time(top_ / "new/1.future",
                      fs::file_time_type::clock::now() + std::chrono::hours(1000));
  EXPECT_EQ(shown(scan()), "new/1.future");
}

TEST_F(ScanTest, OneFileUnderNamesInBothFoldersIsOneMessage) {
  put("new/5.a");
  fs::create_hard_link(top_ / "new/5.a", top_ / "cur/5.a:2,");
  EXPECT_EQ(shown(scan()), "new/5.a+cur/5.a:2,");
}

TEST_F(ScanTest, TwoFilesOfOneBaseNameAreTwoMessages) {
  put("new/5.a", "one");
  put("cur/5.a:2,", "two");
  Scan s = scan();
  EXPECT_EQ(shown(s), "new/5.a cur/5.a:2,");
  EXPECT_EQ(read(s, 0), "one");
  EXPECT_TRUE(s.remove(0));
  EXPECT_EQ(files(), "cur/5.a:2,");
}

TEST_F(ScanTest, NoMoreAreTakenThanTheLimit) {
  for (int i = 0; i < 5; ++i) put(fmt::format("new/{}.a", i));
  EXPECT_EQ(scan(3).messages().size(), 3u);
}

TEST_F(ScanTest, AFolderThatIsNoMaildirIsAPermanentErrorNamingIt) {
  Result<Scan> none = Scan::begin((top_ / "none").string());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text,
            fmt::format("opening {}/none: No such file or directory", top_.string()));
  EXPECT_EQ(none.error().fate, Fate::permanent);
  fs::remove(top_ / "cur");
  EXPECT_EQ(Scan::begin(top_.string()).error().text,
            fmt::format("opening {}/cur: No such file or directory", top_.string()));
  put("cur");
  EXPECT_EQ(Scan::begin(top_.string()).error().text,
            fmt::format("opening {}/cur: Not a directory", top_.string()));
}

TEST_F(ScanTest, ARenamedMessageIsFoundAgain) {
  put("new/1.a", "a");
  put("cur/2.b:2,", "b");
  put("new/3.c", "c");
  Scan s = scan();
  rename("new/1.a", "cur/1.a:2,S");
  rename("cur/2.b:2,", "cur/2.b:2,RS");
  put("new/2.between", "x");
  EXPECT_EQ(read(s, 0), "a");
  EXPECT_EQ(read(s, 1), "b");
  EXPECT_EQ(read(s, 2), "c");
  EXPECT_EQ(s.messages().size(), 3u);
}

TEST_F(ScanTest, ARemovedMessageIsNotFoundAndTheOthersKeepTheirNumbers) {
  put("new/1.a", "a");
  put("new/2.b", "b");
  Scan s = scan();
  fs::remove(top_ / "new/1.a");
  EXPECT_EQ(read(s, 0), fmt::format("error {}", ENOENT));
  EXPECT_EQ(read(s, 0), fmt::format("error {}", ENOENT));
  EXPECT_EQ(read(s, 1), "b");
  EXPECT_TRUE(s.remove(0));
}

TEST_F(ScanTest, WhatIsNoFileIsNoMessageAndAFifoDoesNotBlock) {
  fs::create_directory(top_ / "new/1.folder");
  ASSERT_EQ(::mkfifo((top_ / "new/2.fifo").c_str(), 0600), 0);
  Scan s = scan();
  EXPECT_EQ(read(s, 0), fmt::format("error {}", EINVAL));
  EXPECT_EQ(read(s, 1), fmt::format("error {}", EINVAL));
}

TEST_F(ScanTest, RemoveTakesEveryNameOfTheMessage) {
  put("new/5.a");
  fs::create_hard_link(top_ / "new/5.a", top_ / "cur/5.a:2,");
  put("new/6.b");
  Scan s = scan();
  rename("new/6.b", "cur/6.b:2,F");
  EXPECT_TRUE(s.remove(0));
  EXPECT_TRUE(s.remove(1));
  EXPECT_EQ(files(), "");
}

TEST_F(ScanTest, RemoveTellsWhyItCouldNot) {
  fs::create_directory(top_ / "new/1.folder");
  Scan s = scan();
  Result<> done = s.remove(0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "removing 1.folder: Is a directory");
}

TEST_F(ScanTest, AMoveIsLinkSyncUnlinkAndKeepsFlagsThatAreThere) {
  put("new/1.a");
  put("new/2.b:2,S");
  Scan s = scan();
  EXPECT_TRUE(s.link_into_cur(0));
  EXPECT_TRUE(s.link_into_cur(1));
  EXPECT_EQ(files(), "cur/1.a:2, cur/2.b:2,S new/1.a new/2.b:2,S");
  EXPECT_TRUE(s.sync());
  EXPECT_TRUE(s.unlink_moved());
  EXPECT_EQ(files(), "cur/1.a:2, cur/2.b:2,S");
}

TEST_F(ScanTest, AMoveThatACrashLeftHalfDoneIsFinished) {
  put("new/1.a");
  fs::create_hard_link(top_ / "new/1.a", top_ / "cur/1.a:2,");
  Scan s = scan();
  EXPECT_TRUE(s.link_into_cur(0));
  EXPECT_TRUE(s.unlink_moved());
  EXPECT_EQ(files(), "cur/1.a:2,");
}

TEST_F(ScanTest, AMoveNeverOverwritesAnotherMessage) {
  put("new/1.a", "one");
  Scan s = scan();
  put("cur/1.a:2,", "two");
  Result<> done = s.link_into_cur(0);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "moving 1.a to cur: File exists");
  EXPECT_TRUE(s.unlink_moved());
  EXPECT_EQ(files(), "cur/1.a:2, new/1.a");
}

TEST_F(ScanTest, AMoveOfWhatIsGoneIsNoError) {
  put("new/1.a");
  Scan s = scan();
  fs::remove(top_ / "new/1.a");
  EXPECT_TRUE(s.link_into_cur(0));
  EXPECT_TRUE(s.unlink_moved());
}

TEST_F(ScanTest, OldFilesOfTmpAreSweptAndYoungOnesStay) {
  put("tmp/old");
  put("tmp/young");
  const timespec old[] = {{1000, 0}, {1000, 0}};
  const timespec read_lately[] = {{900'000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (top_ / "tmp/old").c_str(), old, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, (top_ / "tmp/young").c_str(), read_lately, 0), 0);
  scan().sweep_tmp(900'000);
  EXPECT_FALSE(there("tmp/old"));
  EXPECT_TRUE(there("tmp/young"));
}

TEST(SizeInName, IsBelievedInOurOwnFormOnly) {
  const std::string own = "1700000000.M1P2Q3R0123456789abcdef.mx.here.test";
  EXPECT_EQ(size_in_name(own + ",S=10,W=12"), 12u);
  for (const std::string& name :
       {own, own + ",S=10", own + ",W=12", own + ",S=10,W=", own + ",S=,W=12", own + ",S=10,W=12x",
        own + ",S=10,W=9", own + ",S=10,W=12,X=1", own + ",S=10,W=99999999999999999999",
        own + ",W=12,S=10", own + ",S=-1,W=12", std::string(",S=10,W=12"), std::string(),
        std::string("1700000000.M1P2.host,S=10,W=12"),
        std::string("x.M1P2Q3R0123456789abcdef.h,S=1,W=1"),
        std::string("1.M1P2Q3R0123456789abcde.h,S=1,W=1"),
        std::string("1.M1P2Q3R0123456789ABCDEF.h,S=1,W=1"),
        std::string("1.M1P2Q3R0123456789abcdef,S=1,W=1")}) {
    EXPECT_EQ(size_in_name(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace porpoise::maildir
