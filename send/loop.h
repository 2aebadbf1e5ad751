// What send does: the scheduler's decisions, carried out. One thread that waits in poll(2) and
// nowhere else; what takes a disk's time is the worker's and the readers'.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <poll.h>
#include <set>
#include <signal.h>
#include <string>
#include <sys/types.h>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/file.h"
#include "queue/spool.h"
#include "send/body.h"
#include "send/control_server.h"
#include "send/log.h"
#include "send/schedule_keeper.h"
#include "send/scheduler.h"
#include "send/settings.h"
#include "send/spawner.h"
#include "send/trigger.h"
#include "send/worker.h"

namespace porpoise::send {

struct Options {
  bool once = false;                    ///< end when nothing runs and nothing is due
  bool retry_all = false;               ///< what waits is due now
  std::vector<queue::Id> retry;         ///< or these are
  std::optional<int> spawner_socket;    ///< a spawner that somebody else has started
  std::optional<int> control_socket{};  ///< run/control, where somebody else has bound it
  int log = 1;                          ///< descriptor
  LogFormat log_format = LogFormat::plain;

  /// Of message `id`, a record is written to `fd` for each attempt at a recipient as it ends:
  /// letter (K, Z, D), NUL, address, NUL, text, NUL.
  struct Report {
    queue::Id id;
    int fd = -1;
  };
  std::optional<Report> report{};
};

/// Runs until SIGTERM or SIGINT (0), or with `once` until there is nothing to do (0). 111: the
/// given spawner was lost. Errors: send cannot start. Another send on this queue is a temporary
/// error; with `once` it is 0, since the other one does the work.
Result<int> run(const Instance& instance, const Options& options);

class Loop {
 public:
  Loop(const Instance& instance, const Options& options, queue::Spool spool, Settings settings);

  Result<> start();
  int run();

 private:
  struct Notice {  // a bounce that runs
    pid_t child = 0;
    queue::Id about;
  };

  Time now();
  void turn();
  int milliseconds_to_wait();
  void serve(const std::vector<pollfd>& ready);

  // Actions of the scheduler.
  void perform();
  void act(const Load& a);
  void act(const Start& a);
  void act(const Write& a);
  void act(const QueueNotice& a);
  void act(const SetAside& a);
  void act(const Close& a);
  void act(const Say& a);
  void act(const Tell& a);

  Loaded take_in(WasRead& a);
  void describe(const queue::File& file, Loaded& loaded, Body& body) const;
  Loaded::Waiting waiting_of(const queue::Meta& meta, const queue::State::OfRecipient& r,
                             const std::string& address, const Route& route) const;
  bool has_remote() const;
  void log_new(const queue::File& file);
  void with_content(const queue::Id& id, std::function<void(const Result<>&)> then);
  void have_content(const queue::Id& id, Result<posix::UniqueFd> content);
  void deliver(const Start& a, const Result<>& content);
  void start_bounce(const QueueNotice& a, const Result<>& content);
  Result<pid_t> bounce_process(const QueueNotice& a, const Body& body);

  // Answers of the readers and the worker.
  void take_answers();
  void on(WasRead& a);
  void on(Written& a);
  void on(Copied& a);
  void on(WasSetAside& a);
  void on(InIncoming& a);
  void on(InDeferred& a);
  void on(Trouble& a);

  void hear_trigger();
  void hear_spawner();
  void lose_spawner(const Error& why);
  void start_spawner();
  void hear_signals();
  void reap();
  std::string answer(const ControlServer::Peer& peer, std::string_view command);
  std::string answer_retry(std::string_view operand);
  std::string answer_retry_of(uid_t submitter, std::string_view operand);
  std::string answer_status();
  void reread_settings();
  bool may_leave();

  void log(std::string line) { log_.add(now(), log_entry(std::move(line))); }
  std::string full_address(std::string_view address) const;
  Ruling rule_on(const spawn::DeliveryReport& report) const;

  const Instance& instance_;
  Options options_;
  Log log_;
  queue::Spool spool_;
  Scheduler scheduler_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Readers> readers_;
  ScheduleKeeper schedule_keeper_;
  std::optional<Trigger> trigger_;
  std::optional<ControlServer> control_;
  std::optional<Spawner> spawner_;
  Settings settings_;
  std::uint64_t seed_;  // of destinations' hashes
  posix::UniqueFd signals_;
  std::map<queue::Id, Body> bodies_;
  // What is to be done once their content is copied.
  std::map<queue::Id, std::vector<std::function<void(const Result<>&)>>> wait_for_content_;
  std::vector<Notice> bounces_;
  std::int64_t clock_offset_ = 0;      // wall clock minus running clock
  std::int64_t next_scan_us_ = 0;      // of incoming/, running clock
  std::int64_t spawner_at_us_ = 0;     // when to start one again, running clock; 0: now
  std::int64_t spawner_since_us_ = 0;  // when the last one was started
  bool incoming_read_ = false;
  bool deferred_read_ = false;
  bool retry_found_ = false;  // messages that a scan still finds are due, too
  std::set<queue::Id> seen_when_leaving_;
  int exit_code_ = 0;
};

}  // namespace porpoise::send
