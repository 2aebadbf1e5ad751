// The file of a message on its way into the queue: written where nobody sees it, then there whole.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "posix/durable_file.h"
#include "posix/unique_fd.h"
#include "queue/extra.h"
#include "queue/id.h"
#include "queue/room.h"
#include "queue/submit.h"

namespace porpoise::queue {

/// A SubmitError of this code, whose fate is that of the code.
tl::unexpected<SubmitError> failure(Code code, Error error);
tl::unexpected<SubmitError> failure(Code code, std::string text);

/// What a fault of an envelope is in the queue protocol.
Code code_of(mail::EnvelopeDecoder::Fault fault);

/// The folders that a new message needs, the instance's among them; whoever lends them outlives it.
struct IntakeFolders {
  int instance = -1;  ///< lent by the Instance, which outlives this
  posix::UniqueFd tmp, incoming;

  static SubmitResult<IntakeFolders> open(const Instance& instance);
};

/// Content in pieces, then the envelope. Destroyed before it is queued, nothing of it is left.
class NewMessage {
 public:
  /// Syncs incoming/; called once, when the message has its name there. Several messages may
  /// share one barrier (see shared_sync.h). None: a sync of its own.
  using SyncIncoming = std::function<Result<>()>;

  NewMessage(const IntakeFolders& folders, const SubmitOptions& options, uid_t uid);

  /// Makes the file and begins it with the Received line. Called once, first. Where control/minfree
  /// leaves no room for it: code 53.
  SubmitResult<> start();
  SubmitResult<> write(std::string_view content);
  /// The two barriers; `envelope` is what the queue protocol has on descriptor 1, to its final
  /// NUL. Its faults are told with their codes.
  SubmitResult<> finish(std::string_view envelope, const SyncIncoming& sync_incoming = {});

  const Id& id() const { return id_; }

 private:
  Result<> add(std::string_view octets);
  Result<> flush();
  Result<> check_room();
  SubmitResult<> read_settings();
  std::string with_extra(std::string_view envelope) const;
  SubmitResult<std::string> envelope_record(std::string_view envelope) const;
  Result<> complete(std::string_view record);
  Result<> commit(const SyncIncoming& sync_incoming);

  const IntakeFolders& folders_;
  SubmitOptions options_;
  uid_t uid_;
  std::int64_t arrival_us_;
  Id id_;
  MinFree min_free_;
  ExtraRecipients extra_;
  std::optional<posix::DurableFile> file_;  // none: not begun, ended or broken
  std::string room_;
  std::uint64_t flushed_ = 0;    // octets of the file that are written
  std::uint64_t looked_at_ = 0;  // of those, when we last looked for room
  std::uint64_t taken_ = 0;      // of the caller's content
  std::uint64_t content_octets_ = 0;
  std::uint32_t content_crc_ = 0;
};

}  // namespace porpoise::queue
