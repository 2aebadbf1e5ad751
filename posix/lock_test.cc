#include "posix/lock.h"

#include <gtest/gtest.h>

#include "posix/file.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

class LockTest : public ::testing::Test {
 protected:
  UniqueFd open() { return open_at(folder_.fd(), "lock", O_RDWR | O_CREAT).value(); }
  TestFolder folder_;
};

TEST_F(LockTest, ASecondOpenFileIsRefusedEvenInThisProcess) {
  const UniqueFd one = open();
  const UniqueFd two = open();
  EXPECT_TRUE(try_lock(one.get(), "it").value());
  EXPECT_TRUE(try_lock(one.get(), "it").value()) << "it is ours already";
  EXPECT_FALSE(try_lock(two.get(), "it").value());
}

TEST_F(LockTest, ClosingAnotherDescriptorOfTheFileKeepsTheLock) {
  const UniqueFd one = open();
  const UniqueFd two = open();
  ASSERT_TRUE(try_lock(one.get(), "it").value());
  {
    const UniqueFd three = open();
  }
  EXPECT_FALSE(try_lock(two.get(), "it").value());
}

TEST_F(LockTest, ItEndsWithTheOpenFile) {
  const UniqueFd two = open();
  {
    const UniqueFd one = open();
    ASSERT_TRUE(try_lock(one.get(), "it").value());
    const UniqueFd copy = duplicate(one.get()).value();
    EXPECT_FALSE(try_lock(two.get(), "it").value());
  }
  EXPECT_TRUE(try_lock(two.get(), "it").value());
}

TEST_F(LockTest, AskingDoesNotTakeIt) {
  const UniqueFd one = open();
  const UniqueFd two = open();
  EXPECT_FALSE(is_locked(two.get(), "it").value());
  ASSERT_TRUE(try_lock(one.get(), "it").value());
  EXPECT_TRUE(is_locked(two.get(), "it").value());
}

TEST_F(LockTest, PatienceEnds) {
  const UniqueFd one = open();
  const UniqueFd two = open();
  ASSERT_TRUE(try_lock(one.get(), "it").value());
  Result<> got = lock(two.get(), "the mailbox", std::chrono::milliseconds(5));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().sys, ETIMEDOUT);
  EXPECT_EQ(got.error().text, "waiting for the lock of the mailbox: Connection timed out");
  EXPECT_EQ(got.error().fate, Fate::temporary);
}

TEST_F(LockTest, ARefusedLockIsAnErrorNeverALock) {
  const UniqueFd read_only = [&] {
    open();
    return open_at(folder_.fd(), "lock", O_RDONLY).value();
  }();
  Result<bool> got = try_lock(read_only.get(), "it");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().text, "locking it: Bad file descriptor");
}

}  // namespace
}  // namespace porpoise::posix
