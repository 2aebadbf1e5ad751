#include "queue/shared_sync.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace porpoise::queue {
namespace {

// A folder whose syncs wait to be let go.
class Folder {
 public:
  Result<> sync() {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return let_ > 0; });
    --let_;
    if (!fail_) return {};
    fail_ = false;
    return temporary("syncing: it burns");
  }
  void let_one_end(bool well = true) {
    const std::lock_guard lock(mutex_);
    fail_ = !well;
    ++let_;
    changed_.notify_all();
  }
  void wait_for_begun(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return begun_ >= count; });
  }
  int begun() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0, let_ = 0;
  bool fail_ = false;
};

TEST(SharedSync, OneAloneSyncsOnce) {
  int syncs = 0;
  SharedSync shared([&] {
    ++syncs;
    return Result<>();
  });
  EXPECT_TRUE(shared.sync(shared.enter()));
  EXPECT_TRUE(shared.sync(shared.enter()));
  EXPECT_EQ(syncs, 2);
}

TEST(SharedSync, WhoComesWhileOneRunsSharesTheNext) {
  Folder folder;
  SharedSync shared([&] { return folder.sync(); });
  std::atomic<int> ended = 0;
  std::vector<std::thread> threads;
  const auto come = [&] {
    const SharedSync::Ticket ticket = shared.enter();
    EXPECT_TRUE(shared.sync(ticket));
    ++ended;
  };
  threads.emplace_back(come);
  folder.wait_for_begun(1);
  for (int i = 0; i < 8; ++i) threads.emplace_back(come);
  while (shared.waiting() < 8) std::this_thread::yield();
  folder.let_one_end();
  folder.wait_for_begun(2);
  threads[0].join();
  EXPECT_EQ(ended, 1) << "the sync that ran when the others came says nothing of them";
  folder.let_one_end();
  for (std::size_t i = 1; i < threads.size(); ++i) threads[i].join();
  EXPECT_EQ(ended, 9);
  EXPECT_EQ(folder.begun(), 2);
}

TEST(SharedSync, AFailureIsToldToAllWhoseEntryItMayHaveLost) {
  Folder folder;
  SharedSync shared([&] { return folder.sync(); });
  const SharedSync::Ticket before = shared.enter();
  std::thread first(
      [&] { EXPECT_EQ(shared.sync(shared.enter()).error().text, "syncing: it burns"); });
  folder.wait_for_begun(1);
  std::thread second([&] { EXPECT_EQ(shared.sync(before).error().text, "syncing: it burns"); });
  folder.let_one_end(false);
  first.join();
  second.join();
  EXPECT_FALSE(shared.sync(before)) << "never believed later";
  EXPECT_EQ(folder.begun(), 1);
  folder.let_one_end();
  EXPECT_TRUE(shared.sync(shared.enter()));
}

}  // namespace
}  // namespace porpoise::queue
