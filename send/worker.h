// The thread that waits for the disk, so that the loop never does: records and their barriers,
// moves, removals, folder syncs, copies of large messages, and the reading of folders; messages are
// read by others (readers.h). Jobs are done in the order they came, so what a message was told
// first happens first.

#pragma once

#include <atomic>
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
#include "queue/schedule.h"
#include "queue/spool.h"
#include "send/readers.h"
#include "send/scheduler.h"

namespace porpoise::send {

/// Jobs. Each but the scans is answered once.
struct CopyContent {
  queue::Id id;
};
/// Reads a message again, of which it is not known that all its log says is on disk, and sees to
/// it; answered with WasRead.
struct Settle {
  queue::Id id;
  bool first = false;
};
struct ScanIncoming {};
/// Every message of deferred/ with its next time, from queue/schedule, and from the messages' own
/// logs where that does not have them: in pieces, when there is nothing else to do.
struct ScanDeferred {};
/// A part of queue/schedule, behind the parts before. Not answered.
struct WriteSchedule {
  std::vector<queue::ScheduleEntry> entries;
  bool first = false;
  bool last = false;
};
using Job =
    std::variant<Write, CopyContent, SetAside, Settle, ScanIncoming, ScanDeferred, WriteSchedule>;

/// Answers.
struct Written {
  queue::Id id;
  Outcome outcome = Outcome::ok;
  std::string text;  ///< what went wrong
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
using Answer = std::variant<Written, Copied, WasSetAside, WasRead, InIncoming, InDeferred, Trouble>;

/// What went wrong, as the scheduler sees it.
Outcome outcome_of(const Error& error);

class Worker {
 public:
  static constexpr std::size_t kPiece = 100;               ///< messages in one answer of a scan,
  static constexpr std::size_t kPieceKnown = 1000;         ///< whose files need not be read
  static constexpr std::size_t kAhead = 4;                 ///< answers not taken; then a scan waits
  static constexpr std::size_t kFolders = 32;              ///< looked into at once
  static constexpr std::size_t kOpenFiles = 32;            ///< kept open between records
  static constexpr std::chrono::seconds kRemovalDelay{1};  ///< until a removal is synced

  static Result<std::unique_ptr<Worker>> start(const Instance& instance);
  ~Worker();

  void post(Job job);
  /// Readable when there are answers.
  int event() const { return event_.get(); }
  std::vector<Answer> take();

  /// Messages of deferred/ of which queue/schedule says nothing, or not what is so: by a count.
  std::size_t unscheduled() const { return unscheduled_; }

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
  void work(const Settle& job);
  void work(const ScanIncoming& job);
  void work(const ScanDeferred& job);
  void work(const WriteSchedule& job);
  void scan_piece();
  void scan_next_folder();
  void scan_unknown(InDeferred& piece);
  Result<> write_schedule(const WriteSchedule& job);
  void found_stray(const std::string& path);

  Result<MessageFile> settle(const Settle& job);
  Result<queue::File> settled_file(const queue::Id& id);

  Result<> record(const Write& job);
  Result<> append(const Write& job);
  Result<> write_anew(const Write& job);
  Result<queue::File*> file_for_records(const queue::Id& id);
  void sync_removals_if_due();

  queue::Spool spool_;
  posix::UniqueFd event_;
  std::map<queue::Id, queue::File> files_;  // open for appending
  // Written and synced, but what was to follow failed: not to be written twice.
  std::map<queue::Id, std::shared_ptr<const std::vector<queue::Event>>> recorded_;
  // What is known of messages whose file could not be written or synced. That file is not believed
  // any more: they are written anew.
  struct Doubtful {
    queue::File file;
    std::shared_ptr<const std::vector<queue::Event>> included;  // in what `file` knows
    Error why;
  };
  std::map<queue::Id, Doubtful> doubtful_;
  std::optional<std::chrono::steady_clock::time_point> removals_due_;
  // Of a scan of deferred/: folders not yet looked into, the last one first; of the folder at hand,
  // messages of which the schedule knows, and others.
  struct Scan {
    std::vector<std::string> folders;
    std::vector<queue::ScheduleEntry> known;
    std::vector<queue::Id> unknown;
    std::optional<queue::ScheduleReader> schedule;
  };
  std::optional<Scan> scan_;
  std::optional<queue::ScheduleWriter> schedule_;  // begun
  std::atomic<std::size_t> unscheduled_ = 0;

  std::mutex mutex_;  // of what follows
  std::condition_variable posted_;
  std::deque<Job> jobs_;
  std::vector<Answer> answers_;
  bool finishing_ = false;

  std::thread thread_;
};

}  // namespace porpoise::send
