#include "queue/shared_sync.h"

namespace porpoise::queue {

SharedSync::Ticket SharedSync::enter() {
  const std::lock_guard lock(mutex_);
  Ticket ticket;
  ticket.failures = failures_;
  return ticket;
}

std::size_t SharedSync::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

Result<> SharedSync::sync(const Ticket& ticket) {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = begun_ + 1;  // one that runs now may have missed our entry
  while (succeeded_ < wanted && failures_ == ticket.failures) {
    if (running_) {
      ++waiting_;
      ended_.wait(lock);
      --waiting_;
    } else {
      run(lock);
    }
  }
  if (failures_ == ticket.failures) return {};
  return tl::make_unexpected(failure_);
}

// The first of those who wait does it for all.
void SharedSync::run(std::unique_lock<std::mutex>& lock) {
  running_ = true;
  const std::uint64_t mine = ++begun_;
  lock.unlock();
  Result<> done = sync_();
  lock.lock();
  running_ = false;
  if (done) {
    succeeded_ = mine;
  } else {
    ++failures_;
    failure_ = std::move(done.error());
  }
  ended_.notify_all();
}

}  // namespace porpoise::queue
