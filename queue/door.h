// The serving side of run/submit: takes what programs hand in, as the queue's owner.
//
// One loop that never waits for a client or a disk. What takes a disk's time is the pool's: a
// connection belongs either to the loop or to one job. A message that is committed is synced
// beside others, and shares the barrier of incoming/ with those of the moment (shared_sync.h).

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/census.h"
#include "queue/frames.h"
#include "queue/new_message.h"
#include "queue/pool.h"
#include "queue/shared_sync.h"
#include "queue/usage.h"

namespace porpoise::queue {

/// Serves the listening socket `listening` (lent) until SIGTERM or SIGINT; then commits under way
/// are finished. Errors: it cannot begin.
Result<> serve(const Instance& instance, int listening);

/// Takes one submission of `uid` from a connected socket, and ends.
Result<> serve_one(const Instance& instance, posix::UniqueFd connection, uid_t uid);

class Door {
 public:
  static constexpr std::size_t kThreads = 16;
  static constexpr std::size_t kLargeThreads = 4;

  static Result<std::unique_ptr<Door>> make(const Instance& instance, SubmitLimits limits);
  ~Door();

  Result<> listen(int listening);  ///< lent; made non-blocking
  /// `signals`: a signalfd, lent. SIGHUP reads the limits, as does each second of work; others
  /// stop.
  Result<> hear(int signals);
  /// Counts what is in the queue, little by little.
  void count_what_is_there();
  void enter(posix::UniqueFd socket, uid_t uid);

  /// Waits for something to happen, and does it.
  void turn();
  /// Takes nobody in any more, and nothing that is not about to be queued.
  void stop();
  bool stopping() const { return stopping_; }
  bool empty() const { return connections_.empty(); }

 private:
  struct Connection {
    std::uint64_t number = 0;
    posix::UniqueFd socket;
    uid_t uid = 0;
    std::int64_t entered_us = 0, progress_us = 0;
    FrameReader reader{};
    SubmitOptions options{};
    std::string input{};  // come, and not looked at
    std::string room{};   // content that is not handed on
    std::unique_ptr<NewMessage> message{};
    bool begun = false;        // counted as a message
    std::uint64_t octets = 0;  // of content, counted
    std::size_t memory = 0;    // counted
    bool working = false;      // a job has it
    bool watched = false;      // epoll knows it
  };

  Door(const Instance& instance, IntakeFolders folders, SubmitLimits limits);

  void accept_some();
  void hear_signals();
  void read_limits();
  void sweep(std::int64_t now_us);

  void make_room();
  void arm(Connection& connection);
  void read(Connection& connection);
  void process(Connection& connection, std::string_view in);
  bool begin_message(Connection& connection);
  bool take_content(Connection& connection, std::string_view content);
  bool settle_memory(Connection& connection, std::size_t input);
  void write_on(Connection& connection);
  void written(std::uint64_t number, const SubmitResult<>& done);
  void commit(Connection& connection);
  SubmitResult<Id> put(Connection& connection, std::string_view room, std::string_view envelope);
  SubmitResult<> add(Connection& connection, std::string_view room);
  void committed(std::uint64_t number, const std::optional<Id>& id);
  void refuse(Connection& connection, const Answer& answer);
  void drop(Connection& connection);
  void look_for(uid_t uid);

  void post(std::function<void()> event);
  void run_posted();

  const Instance& instance_;
  IntakeFolders folders_;
  posix::UniqueFd deferred_;
  SharedSync incoming_;
  Usage usage_;
  std::mutex large_envelope_;  // held by the one job that has one

  posix::UniqueFd epoll_, posted_event_;
  int listening_ = -1, signals_ = -1;
  bool stopping_ = false;
  std::int64_t accept_again_us_ = 0;  // 0: accepting
  std::int64_t swept_us_ = 0;
  std::string limits_fault_;
  std::string buffer_;
  std::uint64_t next_number_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::optional<Census> census_;
  Pool pool_;  // last: its threads end before anything that they use
};

}  // namespace porpoise::queue
