// Whose the messages are that are in the queue already when the serving side starts: found out
// little by little, in a thread of its own, since there may be a million.

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "instance/instance.h"
#include "queue/usage.h"

namespace porpoise::queue {

/// Who handed in the message in this open file, and how large its content is. Nothing where that
/// cannot be read. The checksums are send's to look at: this is for counting only.
std::optional<std::pair<uid_t, std::uint64_t>> submitter_in(int file);

class Census {
 public:
  using Found = std::function<void(std::vector<std::pair<uid_t, Usage::Stored>>)>;
  static constexpr std::size_t kPiece = 100;     // messages
  static constexpr std::int64_t kPauseMs = 100;  // after each piece

  /// `found` is called in that thread, for messages that arrived before `before_us`.
  Census(const Instance& instance, std::int64_t before_us, Found found);
  ~Census();  ///< stops
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;

 private:
  void work();
  bool pause();

  const Instance& instance_;
  std::int64_t before_us_;
  Found found_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace porpoise::queue
