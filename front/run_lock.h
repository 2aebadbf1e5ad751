// run/run.lock: one `porpoise run` an instance, found by others through it.

#pragma once

#include <optional>
#include <sys/types.h>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::front {

class RunLock {
 public:
  /// Takes the lock, held as long as this lives, and writes our pid into the file. Somebody has
  /// it: a temporary error that names the instance and the pid.
  static Result<RunLock> take(const Instance& instance);

 private:
  explicit RunLock(posix::UniqueFd fd) : fd_(std::move(fd)) {}
  posix::UniqueFd fd_;
};

/// The pid of the `porpoise run` that has the lock now; 0 where it has not written it yet; none
/// where nothing runs. For people to read: a pid is no safe target for a signal.
Result<std::optional<pid_t>> running_pid(const Instance& instance);

}  // namespace porpoise::front
