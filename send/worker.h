// The thread that waits for the disk, so that the loop never does: records and their barriers,
// moves, removals, folder syncs, copies of large messages, and the reading of folders. Jobs are
// done in the order they came, so what a message was told first happens first.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/spool.h"
#include "send/scheduler.h"

namespace porpoise::send {

/// Jobs. Each but the scans is answered once.
struct CopyContent {
  queue::Id id;
};
struct ScanIncoming {};
/// Every message of deferred/ with its next time, from the messages' own logs: in pieces, when
/// there is nothing else to do.
struct ScanDeferred {};
using Job = std::variant<Write, CopyContent, SetAside, ScanIncoming, ScanDeferred>;

/// Answers.
struct Written {
  queue::Id id;
  Outcome outcome = Outcome::ok;
  std::string text;  ///< what went wrong
};
struct Copied {
  queue::Id id;
  Result<posix::UniqueFd> content;
};
struct WasSetAside {
  queue::Id id;
  std::string text;  ///< "" or what went wrong
};
struct InIncoming {
  std::vector<queue::Id> ids;
  bool last = false;
};
struct InDeferred {
  std::vector<std::pair<queue::Id, Time>> messages;
  bool last = false;
};
struct Trouble {
  std::string text;
};
using Answer = std::variant<Written, Copied, WasSetAside, InIncoming, InDeferred, Trouble>;

/// What went wrong, as the scheduler sees it.
Outcome outcome_of(const Error& error);

class Worker {
 public:
  static constexpr std::size_t kPiece = 100;               ///< messages in one answer of a scan
  static constexpr std::size_t kOpenFiles = 32;            ///< kept open between records
  static constexpr std::chrono::seconds kRemovalDelay{1};  ///< until a removal is synced

  static Result<std::unique_ptr<Worker>> start(const Instance& instance);
  ~Worker();

  void post(Job job);
  /// Readable when there are answers.
  int event() const { return event_.get(); }
  std::vector<Answer> take();

  /// Does what was posted, but no more of a scan; syncs removals; ends the thread.
  void finish();

 private:
  Worker(queue::Spool spool, posix::UniqueFd event)
      : spool_(std::move(spool)), event_(std::move(event)) {}

  void run();
  bool next_job(Job& job);
  void answer(Answer answer);

  void work(const Write& job);
  void work(const CopyContent& job);
  void work(const SetAside& job);
  void work(const ScanIncoming& job);
  void work(const ScanDeferred& job);
  void scan_piece();

  Result<> record(const Write& job);
  Result<queue::File*> file_for_records(const queue::Id& id);
  void sync_removals_if_due();

  queue::Spool spool_;
  posix::UniqueFd event_;
  std::map<queue::Id, queue::File> files_;  // open for appending
  // Written and synced, but what was to follow failed: not to be written twice.
  std::map<queue::Id, std::shared_ptr<const std::vector<queue::Event>>> recorded_;
  std::optional<std::chrono::steady_clock::time_point> removals_due_;
  std::optional<std::vector<queue::Id>> to_scan_;  // of deferred/, not yet read

  std::mutex mutex_;  // of what follows
  std::condition_variable posted_;
  std::deque<Job> jobs_;
  std::vector<Answer> answers_;
  bool finishing_ = false;

  std::thread thread_;
};

}  // namespace porpoise::send
