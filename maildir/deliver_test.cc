#include "maildir/deliver.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/make.h"
#include "posix/file.h"

namespace porpoise::maildir {
namespace {

namespace fs = std::filesystem;

class Deliver : public testing::TestWithParam<posix::Birth> {
 protected:
  Deliver() {
    std::string name = (fs::temp_directory_path() / "maildir-test-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    maildir_ = top_ / "Maildir";
    EXPECT_TRUE(make(maildir_));
  }
  ~Deliver() override {
    for (const auto& entry : fs::recursive_directory_iterator(top_)) {
      if (entry.is_directory()) fs::permissions(entry.path(), fs::perms::owner_all);
    }
    fs::remove_all(top_);
  }

  World world(std::vector<unsigned> sequences = {1, 2, 3}) {
    auto stamp = [sequences, next = std::size_t{0}]() mutable {
      const unsigned sequence = sequences[std::min(next++, sequences.size() - 1)];
      return Stamp{1'000'000'000'000'001, 9, sequence, 0xab, "h"};
    };
    return {stamp, GetParam()};
  }

  // The name, or "error: ..." without the folder's path.
  std::string deliver_text(std::string_view prefix, std::string_view text, const World& w) {
    posix::UniqueFd fd(::memfd_create("message", MFD_CLOEXEC));
    EXPECT_TRUE(posix::write_at(fd.get(), text, 0, "message"));
    Result<std::string> name = deliver(maildir_, prefix, fd.get(), w);
    if (name) return *name;
    EXPECT_EQ(name.error().fate, Fate::temporary);
    std::string shown = name.error().text;
    for (std::size_t at; (at = shown.find(top_.string() + "/")) != std::string::npos;) {
      shown.erase(at, top_.string().size() + 1);
    }
    return "error: " + shown;
  }

  std::string in(const char* folder) const {
    std::string found;
    for (const auto& entry : fs::directory_iterator(maildir_ / folder)) {
      std::ifstream file(entry.path());
      found += entry.path().filename().string() + "<" +
               std::string(std::istreambuf_iterator<char>(file), {}) + ">";
    }
    return found;
  }

  void put(const char* name, const char* text) { std::ofstream(maildir_ / name) << text; }

  fs::path top_, maildir_;
};

TEST_P(Deliver, TheMessageIsInNewAndNothingInTmp) {
  EXPECT_EQ(deliver_text("R\n", "S: x\n\nhi\n", world()),
            "1000000000.M1P9Q1R00000000000000ab.h,S=11,W=15");
  EXPECT_EQ(in("new"), "1000000000.M1P9Q1R00000000000000ab.h,S=11,W=15<R\nS: x\n\nhi\n>");
  EXPECT_EQ(in("tmp"), "");
}

TEST_P(Deliver, WireSizeCountsOnlyBareLineFeeds) {
  EXPECT_EQ(deliver_text("", "a\r\nb\n\r\rc\nd\n", world()),
            "1000000000.M1P9Q1R00000000000000ab.h,S=11,W=14");
}

TEST_P(Deliver, ACrAtTheEndOfThePrefixBelongsToItsLineFeed) {
  EXPECT_EQ(deliver_text("a\r", "\nb\n", world()), "1000000000.M1P9Q1R00000000000000ab.h,S=5,W=6");
}

TEST_P(Deliver, AnUnfinishedLastLineLeavesTheWireSizeOut) {
  EXPECT_EQ(deliver_text("", "a\nb", world()), "1000000000.M1P9Q1R00000000000000ab.h,S=3");
}

TEST_P(Deliver, AnEmptyMessageIsAMessage) {
  EXPECT_EQ(deliver_text("", "", world()), "1000000000.M1P9Q1R00000000000000ab.h,S=0,W=0");
  EXPECT_EQ(in("new"), "1000000000.M1P9Q1R00000000000000ab.h,S=0,W=0<>");
}

TEST_P(Deliver, ANameInNewIsNeverOverwritten) {
  put("new/1000000000.M1P9Q1R00000000000000ab.h,S=1", "old");
  EXPECT_EQ(deliver_text("", "x", world()), "1000000000.M1P9Q2R00000000000000ab.h,S=1");
  EXPECT_NE(in("new").find("<old>"), std::string::npos);
}

TEST_P(Deliver, ANameInTmpIsNeverOverwritten) {
  put("tmp/1000000000.M1P9Q1R00000000000000ab.h", "old");
  EXPECT_NE(deliver_text("", "x", world()).find(",S=1"), std::string::npos);
  EXPECT_EQ(in("tmp"), "1000000000.M1P9Q1R00000000000000ab.h<old>");
}

TEST_P(Deliver, NamesThatAllExistAreAnError) {
  put("new/1000000000.M1P9Q1R00000000000000ab.h,S=1", "old");
  EXPECT_EQ(deliver_text("", "x", world({1})),
            "error: creating 1000000000.M1P9Q1R00000000000000ab.h,S=1: File exists");
  EXPECT_EQ(in("tmp"), "");
}

TEST_P(Deliver, AMissingMaildirIsNotCreated) {
  fs::remove_all(maildir_);
  EXPECT_EQ(deliver_text("", "x", world()), "error: opening Maildir: No such file or directory");
  EXPECT_FALSE(fs::exists(maildir_));
}

TEST_P(Deliver, AFolderWithoutNewIsNoMaildir) {
  fs::remove(maildir_ / "new");
  EXPECT_EQ(deliver_text("", "x", world()),
            "error: Maildir is no Maildir: opening new: No such file or directory");
}

TEST_P(Deliver, AFileIsNoMaildir) {
  fs::remove_all(maildir_);
  std::ofstream(maildir_) << "x";
  EXPECT_EQ(deliver_text("", "x", world()), "error: opening Maildir: Not a directory");
}

TEST_P(Deliver, AMessageThatCannotBeReadLeavesNothing) {
  Result<std::string> name = deliver(maildir_, "", -1, world());
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().text, "reading the message: Bad file descriptor");
  EXPECT_EQ(in("new") + in("tmp"), "");
}

TEST_P(Deliver, OnlyTheOwnerMayReadIt) {
  const std::string name = deliver_text("", "x", world());
  struct stat st{};
  ASSERT_EQ(::stat((maildir_ / "new" / name).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
}

INSTANTIATE_TEST_SUITE_P(BothBirths, Deliver,
                         testing::Values(posix::Birth::unnamed_if_possible, posix::Birth::named));

TEST(RealWorld, GivesAnotherNameEachTime) {
  const World world = real_world();
  const Stamp first = world.stamp();
  const Stamp second = world.stamp();
  EXPECT_EQ(first.pid, ::getpid());
  EXPECT_EQ(second.sequence, first.sequence + 1);
  EXPECT_NE(unique_name(first), unique_name(second));
}

class Make : public Deliver {};

TEST_P(Make, FoldersAreTheOwnersOnly) {
  for (const char* part : {"", "tmp", "new", "cur"}) {
    struct stat st{};
    ASSERT_EQ(::stat((maildir_ / part).c_str(), &st), 0) << part;
    EXPECT_EQ(st.st_mode & 07777, 0700u) << part;
  }
}

TEST_P(Make, WhatExistsIsAnErrorAndStays) {
  Result<> again = make(maildir_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().text, "making folder " + maildir_.string() + ": File exists");
  EXPECT_EQ(again.error().fate, Fate::temporary);
  EXPECT_TRUE(fs::exists(maildir_ / "cur"));
}

TEST_P(Make, AFolderThatIsNotThereIsTemporary) {
  Result<> made = make((top_ / "no" / "M").string());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().fate, Fate::temporary);
}

TEST_P(Make, ASlashAtTheEndIsFine) {
  EXPECT_TRUE(make((top_ / "Other").string() + "//"));
  EXPECT_TRUE(fs::exists(top_ / "Other/new"));
}

INSTANTIATE_TEST_SUITE_P(Once, Make, testing::Values(posix::Birth::named));

}  // namespace
}  // namespace porpoise::maildir
