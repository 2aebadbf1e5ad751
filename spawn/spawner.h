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
#include <string_view>
#include <vector>

#include "instance/instance.h"
#include "instance/remote.h"
#include "instance/resolver.h"
#include "libmail/result.h"
#include "posix/process.h"
#include "posix/unique_fd.h"
#include "spawn/account_table.h"
#include "spawn/launcher.h"
#include "spawn/lookup.h"
#include "spawn/plan.h"
#include "spawn/protocol.h"

namespace porpoise::spawn {

struct Limits {
  std::size_t deliveries = 1000;            ///< running at once; more wait for later
  std::chrono::seconds delivery{6 * 3600};  ///< how long one may take
  std::chrono::seconds remote{3600};        ///< and one that goes elsewhere
  std::chrono::seconds lookup{30};          ///< and the password file
  std::chrono::seconds grace{30};           ///< from being told to end to being killed
};

class Spawner {
 public:
  /// `socket` is lent: the SOCK_SEQPACKET socket to send. `lock` is that of run/spawner.lock,
  /// taken; see Launcher.
  Spawner(const Instance& instance, int socket, posix::UniqueFd lock, const Limits& limits);

  /// Serves until the other end of the socket is closed, or SIGTERM (which is passed on to the
  /// deliveries); then finishes what runs and returns. Errors: only what makes serving impossible,
  /// such as a system instance that is not laid out as it must be.
  Result<> serve();

 private:
  /// What send asked for.
  struct Job {
    StartDelivery start;
    posix::UniqueFd content;
    std::vector<Account> candidates{};  // still to be tried, the next one last
  };
  enum class Stage {
    lookup,  // whose it is
    local,
    remote,
  };
  struct Child {
    Stage stage = Stage::local;
    Job job;
    posix::UniqueFd report;  // or the answer of a look-up
    posix::UniqueFd notes;
    posix::UniqueFd home;
    ReportText text;
    NoteReader reader;
    RemoteProgram::Style style = RemoteProgram::Style::pipe;
    std::string said;  // by a look-up, or by a program for other hosts; at most `most`
    std::size_t most = 0;
    std::chrono::seconds limit{0};
    std::int64_t deadline_us = 0;
    int told = 0;  // 1: to end; 2: killed
    bool late = false;
    bool reported = false;  // already, since it may never end
  };

  Result<> wait_for_events();
  void take_commands();
  void handle(StartDelivery start, posix::UniqueFd content);
  Result<> begin(Job& job);
  void try_accounts(Job job, const std::vector<Account>& accounts);
  void try_next(Job job);
  Result<> start_local(Job& job, const Account& account);
  Result<> start_remote(Job& job);
  void add(Launched launched, Child child, std::chrono::seconds limit);
  void take_signals();
  void reap();
  void read_from(Child& child);
  void finish(Child child, const posix::Ended& ended);
  void finish_lookup(Child child, const posix::Ended& ended);
  void judge(const Child& child, const posix::Ended& ended, DeliveryReport& report);
  void judge_elsewhere(const Child& child, const posix::Ended& ended, DeliveryReport& report);
  void enforce_deadlines();
  void tell_to_end(pid_t pid, Child& child);
  int milliseconds_to_wait() const;
  bool in_use(std::uint32_t slot) const;
  void refuse(std::uint32_t slot, const Error& error);
  void post(std::string message);
  void flush();
  void complain(std::string_view text);

  const Instance& instance_;
  int socket_;
  Limits limits_;
  AccountTable accounts_;
  RecentAnswers recent_;
  Launcher launcher_;
  posix::UniqueFd signals_;
  std::map<pid_t, Child> children_;
  std::deque<std::string> outgoing_;
  bool open_ = true;     // more commands may come
  bool ending_ = false;  // told to end by a signal
  std::int64_t complaints_since_us_ = 0;
  int complaints_ = 0;  // since then
};

}  // namespace porpoise::spawn
