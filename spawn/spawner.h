// The loop of spawn(8): takes deliveries from send, starts `local` for each, or the program of
// control/remote, reports how it ended.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>

#include "instance/instance.h"
#include "instance/remote.h"
#include "instance/resolver.h"
#include "libmail/result.h"
#include "posix/process.h"
#include "posix/unique_fd.h"
#include "spawn/plan.h"
#include "spawn/protocol.h"

namespace porpoise::spawn {

struct Limits {
  std::size_t deliveries = 1000;            ///< running at once; more wait for later
  std::chrono::seconds delivery{6 * 3600};  ///< how long one may take
  std::chrono::seconds remote{3600};        ///< and one that goes elsewhere
  std::chrono::seconds grace{30};           ///< from being told to end to being killed
};

/// The accounts of an instance (lent), read again when users/assign or control/owner changes.
class AccountTable {
 public:
  explicit AccountTable(const Instance& instance) : instance_(instance) {}
  /// Lent until the next call. Errors are those of Instance::open and Accounts::load.
  Result<const Accounts*> current();

 private:
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  Stamp stamp_of(const char* name) const;
  static bool may_change_unseen(const Stamp& stamp);

  const Instance& instance_;
  Stamp assign_, owner_;
  std::optional<Accounts> accounts_;
};

class Spawner {
 public:
  /// `socket` is lent: the SOCK_SEQPACKET socket to send. `lock` is that of run/spawner.lock,
  /// taken: each `local` shares it, so that even where we are killed the next spawn waits for
  /// those who still deliver.
  Spawner(const Instance& instance, int socket, posix::UniqueFd lock, const Limits& limits);

  /// Serves until the other end of the socket is closed, or SIGTERM (which is passed on to the
  /// deliveries); then finishes what runs and returns. Errors: only what makes serving impossible.
  Result<> serve();

 private:
  struct Child {
    std::uint32_t slot = 0;
    posix::UniqueFd report;
    posix::UniqueFd notes;
    ReportText text;
    NoteReader reader;
    std::string earlier;  // the note it was started with
    std::optional<RemoteProgram::Style> elsewhere;
    std::string said;  // by a program for other hosts: at most kMaxRemoteOctets
    std::chrono::seconds limit{0};
    std::int64_t deadline_us = 0;
    int told = 0;  // 1: to end; 2: killed
    bool late = false;
  };

  Result<> wait_for_events();
  void take_commands();
  void handle(StartDelivery start, posix::UniqueFd content);
  Result<pid_t> start(const StartDelivery& start, const posix::UniqueFd& content, Child& child);
  Result<pid_t> start_elsewhere(const StartDelivery& start, const posix::UniqueFd& content,
                                Child& child);
  Result<posix::Command> command_for(const StartDelivery& start);
  void take_signals();
  void reap();
  void read_from(Child& child);
  void finish(Child& child, const posix::Ended& ended);
  void judge(const Child& child, const posix::Ended& ended, DeliveryReport& report);
  void judge_elsewhere(const Child& child, const posix::Ended& ended, DeliveryReport& report);
  void enforce_deadlines();
  void tell_to_end(pid_t pid, Child& child);
  int milliseconds_to_wait() const;
  bool in_use(std::uint32_t slot) const;
  void refuse(std::uint32_t slot, const Error& error);
  void post(std::string message);
  void flush();

  const Instance& instance_;
  int socket_;
  posix::UniqueFd lock_;
  Limits limits_;
  AccountTable accounts_;
  posix::UniqueFd signals_;
  std::map<pid_t, Child> children_;
  std::deque<std::string> outgoing_;
  bool open_ = true;     // more commands may come
  bool ending_ = false;  // told to end by a signal
};

}  // namespace porpoise::spawn
