// The threads that do for the serving side of queue what takes a disk's time.
//
// Nobody can keep them all: large work (a message of many octets, a huge envelope) has a few
// threads of its own kind, and in either queue the uids take turns.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace porpoise::queue {

class Pool {
 public:
  enum class Size { small, large };
  using Job = std::function<void()>;  ///< throws nothing

  /// Threads are started as they are needed, at most `threads`, and at most `large` do large work.
  Pool(std::size_t threads, std::size_t large) : threads_(threads), large_(large) {}
  /// Does what was added, then ends.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Takes the work. Where not even one thread can be started it is done at once.
  void add(uid_t uid, Size size, Job job);

 private:
  // The jobs of each uid, and whose turn it is.
  struct Line {
    std::map<uid_t, std::deque<Job>> jobs;
    uid_t last = 0;
    std::size_t count = 0;

    void add(uid_t uid, Job job);
    Job take();
  };

  bool start_thread();
  void work();
  bool may_take() const;

  std::size_t threads_, large_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Line small_line_, large_line_;
  std::size_t idle_ = 0;
  std::size_t large_running_ = 0;
  bool ending_ = false;
  std::vector<std::thread> running_;
};

}  // namespace porpoise::queue
