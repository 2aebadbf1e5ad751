// How the processes of deliveries are made: as the one user of a personal instance, or by root as
// the recipient.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>

#include "instance/instance.h"
#include "instance/remote.h"
#include "instance/resolver.h"
#include "libmail/result.h"
#include "posix/become.h"
#include "posix/process.h"
#include "posix/unique_fd.h"
#include "spawn/marks.h"
#include "spawn/protocol.h"

namespace porpoise::spawn {

/// A process that was started, and what it says, non-blocking.
struct Launched {
  pid_t pid = 0;
  posix::UniqueFd report;
  posix::UniqueFd notes;  ///< of local
  posix::UniqueFd home;   ///< says kNoHome where the account turns out to be none
  std::optional<RemoteProgram::Style> elsewhere{};
};

inline constexpr char kNoHome = 'n';

class Launcher {
 public:
  /// The instance is lent. `lock` is that of run/spawner.lock, taken: in a personal instance each
  /// `local` shares it, so that even where we are killed the next spawn waits for those who still
  /// deliver; in a system one there are Marks for that.
  Launcher(const Instance& instance, posix::UniqueFd lock, std::chrono::seconds patience)
      : instance_(instance), lock_(std::move(lock)), patience_(patience) {}

  /// In a system instance: sees that it is laid out as it must be, and gives up all of root's
  /// power but that of becoming users and ending their processes. Not even reading what is
  /// another's is left.
  Result<> prepare();

  /// local(8) for this delivery; `content` is lent. Temporary errors: whatever is wrong with our
  /// own installation is not the message's fault. Much of what can be wrong in a system instance
  /// is told by the process itself, in its report and by exit code 111.
  Result<Launched> local(const StartDelivery& start, const Account& account, int content);

  /// The program of control/remote. It does not get our lock: it is no part of ours, and what it
  /// leaves running in the background (a shared ssh connection) must not keep the next spawn
  /// waiting.
  Result<Launched> remote(const StartDelivery& start, int content);

 private:
  Result<Launched> local_as_owner(posix::Command command, Launched launched, int content,
                                  int report, int notes);
  Result<Launched> local_as_recipient(posix::Command command, Launched launched,
                                      const Account& account, int content, int report, int notes);

  Result<pid_t> start_as_network(const posix::Command& command);

  const Instance& instance_;
  posix::UniqueFd lock_;
  std::chrono::seconds patience_;  // with a delivery of an earlier spawn
  std::optional<Marks> marks_;     // of a system instance
  posix::Resources resources_;
};

}  // namespace porpoise::spawn
