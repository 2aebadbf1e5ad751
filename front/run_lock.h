// run/run.lock: one `porpoise run` an instance, found by others through it. In a system instance,
// who can read it could also hold it: there run/runner.lock, root's alone, is what counts.

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
  RunLock(posix::UniqueFd fd, posix::UniqueFd own) : fd_(std::move(fd)), own_(std::move(own)) {}
  posix::UniqueFd fd_;
  posix::UniqueFd own_;  // of a system instance: a lock that only root can take or hold
};

/// The pid of the `porpoise run` that has the lock now; 0 where it has not written it yet; none
/// where nothing runs. For people to read: a pid is no safe target for a signal.
Result<std::optional<pid_t>> running_pid(const Instance& instance);

}  // namespace porpoise::front
