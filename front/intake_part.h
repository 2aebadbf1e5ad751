// The serving side of run/submit: `queue --serve`, as the queue identity. It is started again when
// it ends; meanwhile those who knock wait.

#pragma once

#include <cstdint>
#include <optional>

#include "front/parts.h"
#include "front/pauses.h"

namespace porpoise::front {

class IntakePart {
 public:
  explicit IntakePart(const Parts& parts) : parts_(parts) {}

  /// Starts it on the listening socket, which stays the caller's.
  Result<> start(int listener, std::int64_t now_us);
  bool running() const { return pid_ > 0; }
  /// When start() is due; none while it runs, or after stop().
  std::optional<std::int64_t> due_us() const { return due_us_; }

  bool ended(pid_t child, const posix::Ended& how, std::int64_t now_us);  ///< false: not ours
  void put_off(std::int64_t now_us);
  void reread() const;  ///< its control files
  void stop();          ///< asks it to finish what is under way, for good
  void kill();

 private:
  const Parts& parts_;
  Pauses pauses_;
  pid_t pid_ = 0;
  std::int64_t started_us_ = 0;
  std::optional<std::int64_t> due_us_;
  bool stopped_ = false;
};

}  // namespace porpoise::front
