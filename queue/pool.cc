#include "queue/pool.h"

#include <system_error>
#include <utility>

namespace porpoise::queue {

void Pool::Line::add(uid_t uid, Job job) {
  jobs[uid].push_back(std::move(job));
  ++count;
}

// Of the uid after the one that was served last.
Pool::Job Pool::Line::take() {
  auto next = jobs.upper_bound(last);
  if (next == jobs.end()) next = jobs.begin();
  last = next->first;
  Job job = std::move(next->second.front());
  next->second.pop_front();
  if (next->second.empty()) jobs.erase(next);
  --count;
  return job;
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : running_) thread.join();
}

void Pool::add(uid_t uid, Size size, Job job) {
  std::unique_lock lock(mutex_);
  const std::size_t waiting = small_line_.count + large_line_.count;
  if (idle_ <= waiting && running_.size() < threads_ && !start_thread() && running_.empty()) {
    lock.unlock();
    job();
    return;
  }
  (size == Size::small ? small_line_ : large_line_).add(uid, std::move(job));
  lock.unlock();
  wake_.notify_one();
}

bool Pool::start_thread() {
  try {
    running_.emplace_back([this] { work(); });
    return true;
  } catch (const std::system_error&) {
    return false;  // the machine has no more: those that run do
  }
}

bool Pool::may_take() const {
  return small_line_.count != 0 || (large_line_.count != 0 && large_running_ < large_);
}

void Pool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return may_take() || (ending_ && large_line_.count == 0); });
    --idle_;
    if (!may_take()) return;
    const bool large = large_line_.count != 0 && large_running_ < large_;
    if (large) ++large_running_;
    const Job job = (large ? large_line_ : small_line_).take();
    lock.unlock();
    job();
    lock.lock();
    if (!large) continue;
    --large_running_;
    if (ending_) wake_.notify_all();
  }
}

}  // namespace porpoise::queue
