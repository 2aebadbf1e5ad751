// The threads that read messages, so that neither the loop nor the records of others wait where one
// message's file is slow to be read. Each reads one at a time, the others go on meanwhile.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/file.h"
#include "queue/spool.h"

namespace porpoise::send {

/// A message's file as it is when an attempt begins.
struct MessageFile {
  queue::File file;
  queue::Place place = queue::Place::incoming;
  posix::UniqueFd content{};  ///< a copy, where it was asked for, is small, and could be made
  bool confirmed = true;      ///< see Loaded
  bool unsettled = false;     ///< what its log says may not be on disk, and something depends on it
  bool about_unsettled = false;  ///< the same, of the message that this notice is about
};

/// Jobs. Each is answered once.
struct ReadMessage {
  queue::Id id;
  bool first = false;  ///< its first attempt: its content will be wanted, too
};
struct CopyOf {
  queue::Id id;
  queue::File file;
};
using Reading = std::variant<ReadMessage, CopyOf>;

/// Answers.
struct WasRead {
  queue::Id id;
  bool first = false;
  bool settled = false;  ///< by the one who writes: Worker
  Result<MessageFile> message;
};
struct Copied {
  queue::Id id;
  Result<posix::UniqueFd> content;
};
using ReadAnswer = std::variant<WasRead, Copied>;

/// Opens it to be read, looks up what a notice is about, and reserves room for its log.
Result<MessageFile> read_message(queue::Spool& spool, const ReadMessage& job);

class Readers {
 public:
  static constexpr std::size_t kThreads = 4;
  static constexpr std::uint64_t kSmall = 65536;       ///< octets of content that is copied here
  static constexpr std::chrono::seconds kPatience{3};  ///< at the end, with what is slow

  using CarryOut = std::function<ReadAnswer(queue::Spool& spool, Reading job)>;
  static ReadAnswer carry_out(queue::Spool& spool, Reading job);

  static Result<std::unique_ptr<Readers>> start(const Instance& instance,
                                                CarryOut carry_out = Readers::carry_out,
                                                std::chrono::milliseconds patience = kPatience);
  /// Nothing more is begun. A thread that still waits for a disk after `patience` is left to
  /// itself.
  ~Readers();

  /// Begins one more thread where all have work, up to kThreads.
  void post(Reading job);
  /// Readable when there are answers.
  int event() const;
  std::vector<ReadAnswer> take();

 private:
  struct Shared;
  explicit Readers(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  Result<> start_thread();  // with the mutex held
  static void run(const std::shared_ptr<Shared>& shared, queue::Spool spool);

  std::shared_ptr<Shared> shared_;    // with the threads
  std::vector<queue::Spool> spools_;  // of threads that nobody has needed yet
  std::vector<std::thread> threads_;
};

}  // namespace porpoise::send
