#define PORPOISE_STRONG_TEST_CALLS

#include "posix/durable_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/file.h"
#include "posix/test_calls.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Names = std::set<std::string>;

// Each test runs for both ways a file can begin its life.
class DurableFileTest : public ::testing::TestWithParam<Birth> {
 protected:
  DurableFileTest() : tmp_(folder_.make_folder("tmp")), target_(folder_.make_folder("new")) {}

  DurableFile begin(const std::string& text = "hello") {
    DurableFile file = DurableFile::begin(tmp_.get(), "work", 0640, GetParam()).value();
    EXPECT_TRUE(write_all(file.fd(), text, "work"));
    return file;
  }
  Result<> commit(DurableFile file, const std::string& name = "done") {
    return std::move(file).commit(target_.get(), name, "new");
  }
  void expect_nothing_left() const {
    EXPECT_THAT(folder_.names("tmp"), IsEmpty());
    EXPECT_THAT(folder_.names("new"), IsEmpty());
  }

  TestFolder folder_;
  UniqueFd tmp_, target_;
};

INSTANTIATE_TEST_SUITE_P(Births, DurableFileTest,
                         ::testing::Values(Birth::unnamed_if_possible, Birth::named),
                         [](const auto& p) {
                           return p.param == Birth::named ? "Named" : "Unnamed";
                         });

TEST_P(DurableFileTest, CommitGivesTheNameAndLeavesNothingInTmp) {
  ASSERT_TRUE(commit(begin()));
  EXPECT_EQ(folder_.text("new/done"), "hello");
  EXPECT_EQ(folder_.names("new"), Names{"done"});
  EXPECT_THAT(folder_.names("tmp"), IsEmpty());
}

TEST_P(DurableFileTest, FileIsSyncedBeforeItsLinkAndTheFolderAfter) {
  DurableFile file = begin();
  test_calls::Scope calls;
  ASSERT_TRUE(commit(std::move(file)));
  if (GetParam() == Birth::named) {
    EXPECT_THAT(calls.log, ElementsAre("fsync", "linkat", "unlinkat", "fsync"));
  } else {
    EXPECT_THAT(calls.log, ElementsAre("fsync", "linkat", "fsync"));
  }
}

TEST_P(DurableFileTest, UncommittedFileVanishes) {
  {
    DurableFile file = begin();
    EXPECT_EQ(file.named(), GetParam() == Birth::named);
    EXPECT_EQ(folder_.names("tmp"), file.named() ? Names{"work"} : Names{});
  }
  expect_nothing_left();
}

TEST_P(DurableFileTest, MovedFromFileRemovesNothing) {
  DurableFile first = begin();
  {
    DurableFile second = std::move(first);
    first = std::move(second);
  }
  ASSERT_TRUE(commit(std::move(first)));
  EXPECT_EQ(folder_.text("new/done"), "hello");
}

TEST_P(DurableFileTest, AnExistingNameIsNeverReplaced) {
  folder_.write("new/done", "older");
  Result<> done = commit(begin());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sys, EEXIST);
  EXPECT_EQ(done.error().text, "creating done: File exists");
  EXPECT_EQ(folder_.text("new/done"), "older");
  EXPECT_THAT(folder_.names("tmp"), IsEmpty());
}

TEST_P(DurableFileTest, FailedFileSyncIsNotRepeatedAndLeavesNothing) {
  DurableFile file = begin();
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  Result<> done = commit(std::move(file));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "syncing work: Input/output error");
  EXPECT_EQ(done.error().fate, Fate::temporary);
  EXPECT_EQ(calls.count("fsync"), 1);
  EXPECT_EQ(calls.count("linkat"), 0);
  expect_nothing_left();
}

TEST_P(DurableFileTest, FailedFolderSyncTakesTheNameBack) {
  DurableFile file = begin();
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 2);
  Result<> done = commit(std::move(file));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "syncing folder new: Input/output error");
  EXPECT_EQ(calls.count("fsync"), 2);
  expect_nothing_left();
}

TEST_P(DurableFileTest, LinkThatFailsForTheDiskLeavesNothing) {
  for (const int err : {ENOSPC, EDQUOT, EIO}) {
    DurableFile file = begin();
    test_calls::Scope calls;
    calls.fail("linkat", err);
    Result<> done = commit(std::move(file));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sys, err);
    EXPECT_EQ(done.error().fate, Fate::temporary);
    EXPECT_EQ(calls.count("linkat"), 1) << err;
    expect_nothing_left();
  }
}

TEST_P(DurableFileTest, LinkThatAlwaysFailsLeavesNothing) {
  for (const int err : {EXDEV, EPERM, ENOENT, EACCES, EOPNOTSUPP}) {
    DurableFile file = begin();
    test_calls::Scope calls;
    calls.fail("linkat", err);
    Result<> done = commit(std::move(file));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().sys, err);
    expect_nothing_left();
  }
}

TEST_P(DurableFileTest, TargetThatIsGoneLeavesNothing) {
  DurableFile file = begin();
  std::filesystem::remove(folder_.path("new"));
  Result<> done = commit(std::move(file));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "creating done: No such file or directory");
  EXPECT_THAT(folder_.names("tmp"), IsEmpty());
}

TEST_P(DurableFileTest, ModeIsTheOneAskedForUnderTheUmask) {
  const mode_t before = ::umask(022);
  ASSERT_TRUE(commit(begin()));
  ::umask(before);
  struct stat st;
  ASSERT_EQ(::stat(folder_.path("new/done").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
  EXPECT_EQ(st.st_nlink, 1u);
}

TEST(DurableFile, FileSystemWithoutUnnamedFilesGetsANamedOne) {
  TestFolder folder;
  const UniqueFd tmp = folder.make_folder("tmp");
  for (const int err : {EOPNOTSUPP, EISDIR, ENOENT, EINVAL}) {
    test_calls::Scope calls;
    calls.fail("tmpfile", err);
    Result<DurableFile> file =
        DurableFile::begin(tmp.get(), "work", 0600, Birth::unnamed_if_possible);
    ASSERT_TRUE(file) << err;
    EXPECT_TRUE(file->named());
  }
  EXPECT_THAT(folder.names("tmp"), IsEmpty());
}

TEST(DurableFile, FullDiskIsToldAtOnce) {
  TestFolder folder;
  const UniqueFd tmp = folder.make_folder("tmp");
  for (const int err : {ENOSPC, EDQUOT, EIO, EEXIST}) {
    test_calls::Scope calls;
    calls.fail("tmpfile", err);
    Result<DurableFile> file =
        DurableFile::begin(tmp.get(), "work", 0600, Birth::unnamed_if_possible);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().sys, err);
    EXPECT_EQ(calls.count("openat"), 0) << "no second try";
  }
}

TEST(DurableFile, UnnamedFileThatCannotBeLinkedBecomesANamedOneAndIsSynced) {
  TestFolder folder;
  const UniqueFd tmp = folder.make_folder("tmp");
  const UniqueFd target = folder.make_folder("new");
  const std::string text(200'000, 'x');
  DurableFile file =
      DurableFile::begin(tmp.get(), "work", 0600, Birth::unnamed_if_possible).value();
  ASSERT_FALSE(file.named());
  ASSERT_TRUE(write_all(file.fd(), text, "work"));
  test_calls::Scope calls;
  calls.fail("linkat", ENOENT, 1);  // as where /proc is not mounted
  ASSERT_TRUE(std::move(file).commit(target.get(), "done", "new"));
  EXPECT_EQ(folder.text("new/done"), text);
  EXPECT_THAT(folder.names("tmp"), IsEmpty());
  EXPECT_EQ(calls.count("fsync"), 3) << "the first file, its copy, the folder";
}

TEST(DurableFile, NamedFileNeverTakesOverAnotherOnesWork) {
  TestFolder folder;
  const UniqueFd tmp = folder.make_folder("tmp");
  folder.write("tmp/work", "somebody else's");
  Result<DurableFile> file = DurableFile::begin(tmp.get(), "work", 0600, Birth::named);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().sys, EEXIST);
  EXPECT_EQ(folder.text("tmp/work"), "somebody else's");
}

TEST(DurableFile, TheEnvironmentForcesNames) {
  ::setenv("PORPOISE_NAMED_FILES", "1", 1);
  EXPECT_EQ(default_birth(), Birth::named);
  ::setenv("PORPOISE_NAMED_FILES", "0", 1);
  EXPECT_EQ(default_birth(), Birth::unnamed_if_possible);
  ::unsetenv("PORPOISE_NAMED_FILES");
  EXPECT_EQ(default_birth(), Birth::unnamed_if_possible);
}

}  // namespace
}  // namespace porpoise::posix
