#include "queue/pool.h"

#include <atomic>
#include <gtest/gtest.h>
#include <latch>
#include <string>

namespace porpoise::queue {
namespace {

using Size = Pool::Size;

TEST(Pool, EverythingIsDoneBeforeItEnds) {
  std::atomic<int> done = 0;
  {
    Pool pool(3, 1);
    for (int i = 0; i < 100; ++i) {
      pool.add(static_cast<uid_t>(i % 5), i % 2 == 0 ? Size::small : Size::large, [&] { ++done; });
    }
  }
  EXPECT_EQ(done, 100);
}

TEST(Pool, LargeWorkLeavesThreadsForSmall) {
  std::latch small_done(1), large_begun(2);
  std::atomic<int> large_ended = 0;
  Pool pool(3, 2);
  for (int i = 0; i < 10; ++i) {
    pool.add(1, Size::large, [&] {
      if (large_ended == 0 && !large_begun.try_wait()) large_begun.count_down();
      small_done.wait();
      ++large_ended;
    });
  }
  large_begun.wait();
  pool.add(2, Size::small, [&] { small_done.count_down(); });  // else nothing here ever ends
  small_done.wait();
}

TEST(Pool, UidsTakeTurns) {
  std::latch go(1);
  std::string order;
  {
    Pool pool(1, 1);
    pool.add(9, Size::small, [&] { go.wait(); });
    for (int i = 0; i < 3; ++i) pool.add(1, Size::small, [&] { order += 'a'; });
    pool.add(2, Size::small, [&] { order += 'b'; });
    for (int i = 0; i < 2; ++i) pool.add(3, Size::small, [&] { order += 'c'; });
    go.count_down();
  }
  EXPECT_EQ(order, "abcaca");
}

}  // namespace
}  // namespace porpoise::queue
