#include "posix/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits.h>

#include "posix/test_calls.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

TEST(File, DescriptorsAreCloseOnExec) {
  TestFolder folder;
  folder.write("a", "");
  const UniqueFd fd = open_at(folder.fd(), "a", O_RDONLY).value();
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(duplicate(fd.get())->get(), F_GETFD), FD_CLOEXEC);
}

TEST(File, ErrorsNameTheActAndThePath) {
  TestFolder folder;
  EXPECT_EQ(open_at(folder.fd(), "no", O_RDONLY).error().text,
            "opening no: No such file or directory");
  EXPECT_EQ(remove_file(folder.fd(), "no").error().text, "removing no: No such file or directory");
  EXPECT_EQ(read_file(folder.fd(), "no", 10).error().sys, ENOENT);
  folder.make_folder("yes");
  EXPECT_EQ(make_folder(folder.fd(), "yes", 0700).error().sys, EEXIST);
}

TEST(File, ReadFileGivesTheWhole) {
  TestFolder folder;
  const std::string text = std::string(40'000, 'a') + std::string("\0b", 2);
  folder.write("a", text);
  EXPECT_EQ(read_file(folder.fd(), "a", text.size()).value(), text);
}

TEST(File, ReadFileBeyondItsLimitGivesNothing) {
  TestFolder folder;
  folder.write("a", "12345");
  Result<std::string> text = read_file(folder.fd(), "a", 4);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().text, "reading a: longer than 4 octets");
  EXPECT_EQ(text.error().fate, Fate::permanent);
}

TEST(File, ReadFileNeverWaitsForAFifoNorReadsAFolder) {
  TestFolder folder;
  ASSERT_EQ(::mkfifo(folder.path("fifo").c_str(), 0600), 0);
  folder.make_folder("sub");
  for (const char* name : {"fifo", "sub"}) {
    Result<std::string> text = read_file(folder.fd(), name, 10);
    ASSERT_FALSE(text) << name;
    EXPECT_EQ(text.error().sys, EINVAL);
  }
}

TEST(File, ReadAtIsShortOnlyAtTheEnd) {
  TestFolder folder;
  folder.write("a", "0123456789");
  const UniqueFd fd = open_at(folder.fd(), "a", O_RDONLY).value();
  char room[8];
  EXPECT_EQ(read_at(fd.get(), room, 0, "a").value(), 8u);
  EXPECT_EQ(read_at(fd.get(), room, 7, "a").value(), 3u);
  EXPECT_EQ(std::string(room, 3), "789");
  EXPECT_EQ(read_at(fd.get(), room, 10, "a").value(), 0u);
}

TEST(File, WriteAtLeavesTheOffsetAlone) {
  TestFolder folder;
  const UniqueFd fd = open_at(folder.fd(), "a", O_RDWR | O_CREAT).value();
  ASSERT_TRUE(write_all(fd.get(), "0123456789", "a"));
  ASSERT_TRUE(write_at(fd.get(), "xy", 3, "a"));
  ASSERT_TRUE(write_all(fd.get(), "!", "a"));
  EXPECT_EQ(folder.text("a"), "012xy56789!");
}

TEST(File, InterruptedWriteGoesOn) {
  TestFolder folder;
  const UniqueFd fd = open_at(folder.fd(), "a", O_RDWR | O_CREAT).value();
  test_calls::Scope calls;
  calls.fail("write", EINTR, 1);
  ASSERT_TRUE(write_all(fd.get(), "hello", "a"));
  EXPECT_EQ(folder.text("a"), "hello");
}

TEST(File, FailedWriteTells) {
  TestFolder folder;
  const UniqueFd fd = open_at(folder.fd(), "a", O_RDWR | O_CREAT).value();
  test_calls::Scope calls;
  calls.fail("write", ENOSPC, 1);
  Result<> done = write_all(fd.get(), "hello", "file a");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "writing file a: No space left on device");
  EXPECT_EQ(done.error().fate, Fate::temporary);
}

TEST(File, FailedSyncIsNeverRepeated) {
  TestFolder folder;
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  Result<> done = sync(folder.fd(), "the folder");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text, "syncing the folder: Input/output error");
  EXPECT_EQ(calls.count("fsync"), 1);
}

TEST(File, NamesOfAFolderAreSeenEachTimeFromTheStart) {
  TestFolder folder;
  for (const char* name : {"a", "b", "c"}) folder.write(name, "");
  for (int round = 0; round < 2; ++round) {
    std::set<std::string> seen;
    ASSERT_TRUE(for_each_name(folder.fd(), "it",
                              [&](const char* name) { return seen.insert(name).second; }));
    EXPECT_EQ(seen, (std::set<std::string>{"a", "b", "c"}));
  }
  int count = 0;
  ASSERT_TRUE(for_each_name(folder.fd(), "it", [&](const char*) { return ++count < 2; }));
  EXPECT_EQ(count, 2);
}

TEST(File, ReplaceFileIsDurableAndLeavesNothingElse) {
  TestFolder folder;
  folder.write("conf", "old");
  test_calls::Scope calls;
  ASSERT_TRUE(replace_file(folder.fd(), "conf", "new", 0640));
  EXPECT_EQ(calls.count("fsync"), 2);
  EXPECT_EQ(folder.text("conf"), "new");
  EXPECT_EQ(folder.names(), std::set<std::string>{"conf"});
}

TEST(File, ReplaceFileThatFailsKeepsTheOldOne) {
  TestFolder folder;
  folder.write("conf", "old");
  for (const char* call : {"openat", "write", "fsync"}) {
    test_calls::Scope calls;
    calls.fail(call, ENOSPC, 1);
    EXPECT_FALSE(replace_file(folder.fd(), "conf", "new", 0640)) << call;
    EXPECT_EQ(folder.text("conf"), "old");
    EXPECT_EQ(folder.names(), std::set<std::string>{"conf"});
  }
}

TEST(File, FolderPathMayBeLongerThanTheKernelTakes) {
  TestFolder folder;
  const std::string piece(200, 'd');
  UniqueFd at = open_folder(kHere, folder.path()).value();
  std::string path = folder.path();
  while (path.size() < PATH_MAX + 500) {
    ASSERT_TRUE(make_folder(at.get(), piece, 0700));
    at = open_folder(at.get(), piece).value();
    path += "//" + piece;
  }
  ASSERT_TRUE(write_all(open_at(at.get(), "here", O_WRONLY | O_CREAT)->get(), "x", "here"));
  const Result<UniqueFd> found = open_folder_long(path);
  ASSERT_TRUE(found);
  EXPECT_EQ(read_file(found->get(), "here", 10).value(), "x");
  EXPECT_EQ(open_folder_long(path + "/none").error().sys, ENOENT);
}

}  // namespace
}  // namespace porpoise::posix
