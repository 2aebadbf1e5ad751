// Who still delivers for a spawn that was killed. In a system instance a recipient's processes
// cannot be trusted with a lock that others wait for: each user has a file of its own.

#pragma once

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::spawn {

/// Files run/deliveries/UID.SPAWN, root's alone; each is locked for as long as a delivery to UID
/// runs that this spawn started. Made by the holder of run/spawner.lock only.
class Marks {
 public:
  /// Makes the folder where it is missing, looks what earlier ones still hold, and removes what
  /// nobody does.
  static Result<Marks> open(const Instance& instance);

  /// For a new delivery to `uid`, which holds it until it ends. What can be done with it is to
  /// hold it for longer, and that keeps only this uid's mail waiting, and only if spawn is killed.
  Result<posix::UniqueFd> mark(uid_t uid);

  /// Descriptors (lent) to take the lock of before a delivery to `uid` begins: those that a
  /// delivery of an earlier spawn still holds.
  std::vector<int> earlier(uid_t uid);

 private:
  Result<> look_at(const char* name);

  posix::UniqueFd folder_;
  std::string spawn_;  // ours
  std::multimap<uid_t, posix::UniqueFd> held_;
};

}  // namespace porpoise::spawn
