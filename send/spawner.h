// The other end of the socket that spawn serves.

#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <variant>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "spawn/protocol.h"

namespace porpoise::send {

class Spawner {
 public:
  /// Starts our own, PROGRAM_FOLDER/spawn, in a session of its own: a ^C at a terminal is for us.
  static Result<Spawner> start(const Instance& instance);
  /// One that somebody else has started; `socket` is its socket's other end.
  static Result<Spawner> given(posix::UniqueFd socket);

  int socket() const { return socket_.get(); }
  std::optional<pid_t> child() const { return child_; }

  /// Sends it, or keeps it until the socket takes more (wants_room()). Error: it is gone.
  Result<> begin(const spawn::StartDelivery& delivery, posix::UniqueFd content);
  bool wants_room() const { return !unsent_.empty(); }
  Result<> flush();

  /// One thing it said. Nothing: no more for now. Error: it is gone, or said what makes no sense.
  using Said = std::variant<spawn::DeliveryNote, spawn::DeliveryReport>;
  Result<std::optional<Said>> next();

 private:
  posix::UniqueFd socket_;
  std::optional<pid_t> child_;
  std::deque<std::pair<std::string, posix::UniqueFd>> unsent_;  // at most one a slot
};

}  // namespace porpoise::send
