// When queue/schedule is written, and in which parts: never all of a million entries at once.

#pragma once

#include <cstdint>

#include "send/scheduler.h"
#include "send/worker.h"

namespace porpoise::send {

class ScheduleKeeper {
 public:
  static constexpr std::uint32_t kParts = 32;  ///< as many of the 1024 folders are in each
  static constexpr std::int64_t kEvery = 900 * kSecond;
  static constexpr std::int64_t kPause = kSecond / 100;  ///< between two parts
  static constexpr std::size_t kFew = 10'000;  ///< waiting messages; rewritten for any change

  explicit ScheduleKeeper(std::int64_t running_us) : next_us_(running_us + kEvery) {}

  /// When turn() is wanted next, by the clock that runs in suspend.
  std::int64_t next_us() const { return next_us_; }
  /// Where it is time and anything has changed: a part.
  void turn(const Scheduler& scheduler, Worker& worker, std::int64_t running_us);
  /// All that is left to write, after everything else. `brief`: this send ran for a moment only,
  /// and rewrites a large schedule only where much has changed.
  void at_stop(const Scheduler& scheduler, Worker& worker, bool brief);

 private:
  void post_part(const Scheduler& scheduler, Worker& worker);

  std::int64_t next_us_;
  std::uint32_t part_ = 0;
};

}  // namespace porpoise::send
