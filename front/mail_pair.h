// send and the spawn that works for it, joined by a socket pair. Each is useless without the
// other, so they start and end together:
//
//   send ends    spawn sees the end of the socket, lets what runs finish, and ends
//   spawn ends   send is asked to end, and killed where it does not within kGraceUs
//   both ended   they start again after a pause that grows
//
// A new send never meets deliveries of the one before it.
//
// In a system instance spawn is root, and send the queue identity.

#pragma once

#include <cstdint>
#include <optional>

#include "front/parts.h"
#include "front/pauses.h"

namespace porpoise::front {

class MailPair {
 public:
  static constexpr std::int64_t kGraceUs = 10'000'000;

  explicit MailPair(const Parts& parts) : parts_(parts) {}

  /// Starts both. `control` is the listening run/control, -1 where send makes its own. After an
  /// error neither runs.
  Result<> start(int control, std::int64_t now_us);
  bool running() const { return send_ > 0 || spawn_ > 0; }

  /// When start() is due (nothing runs, and stop() was not called), or kill() (a send that outstays
  /// its spawn); none while all is well.
  std::optional<std::int64_t> due_us() const { return due_us_; }

  /// A child ended. False: it is none of ours.
  bool ended(pid_t child, const posix::Ended& how, std::int64_t now_us);
  /// start() failed: wait, as after an early end.
  void put_off(std::int64_t now_us);

  void signal_send(int signal) const;  ///< nothing where it does not run
  void stop();                         ///< asks send to end for good; what runs finishes first
  void kill();                         ///< both, at once

 private:
  Result<pid_t> start_spawn(int socket);
  Result<pid_t> start_send(int socket, int control);
  Result<pid_t> started(const char* name, Result<pid_t> pid) const;

  const Parts& parts_;
  Pauses pauses_;
  pid_t send_ = 0;
  pid_t spawn_ = 0;
  std::int64_t started_us_ = 0;
  std::optional<std::int64_t> due_us_ = 0;
  bool stopped_ = false;
};

}  // namespace porpoise::front
