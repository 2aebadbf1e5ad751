// One folder, synced for everybody who waits for it at that moment.
//
// A sync covers the entries that were made before it began, so whoever comes while one runs waits
// for the next, together with all others who came meanwhile.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

#include "libmail/result.h"

namespace porpoise::queue {

/// For use by many threads.
class SharedSync {
 public:
  /// `sync` syncs the folder; it is called by one thread at a time.
  explicit SharedSync(std::function<Result<>()> sync) : sync_(std::move(sync)) {}

  /// Taken before an entry is made, so that a sync that fails from then on is known to concern it.
  class Ticket {
    friend class SharedSync;
    std::uint64_t failures = 0;
  };
  Ticket enter();

  /// Called when the entry is there: whether a sync that began after this call succeeded, and none
  /// has failed since the ticket was taken. A sync that failed may have lost any entry that was
  /// made until its end, and a later one that succeeds says nothing of it.
  Result<> sync(const Ticket& ticket);
  /// How many wait for one to end, beside the one who does it.
  std::size_t waiting() const;

 private:
  void run(std::unique_lock<std::mutex>& lock);

  std::function<Result<>()> sync_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool running_ = false;
  std::size_t waiting_ = 0;
  std::uint64_t begun_ = 0;      // syncs that have begun
  std::uint64_t succeeded_ = 0;  // the last one that has succeeded, by that number
  std::uint64_t failures_ = 0;
  Error failure_;  // of the last one that failed
};

}  // namespace porpoise::queue
