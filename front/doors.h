// Where others knock on a system instance: run/submit and run/control, bound here, as root, or
// given by whoever has started us.

#pragma once

#include "front/listen_fds.h"
#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::front {

class Doors {
 public:
  /// None in a personal instance, where send makes its own. Those of `given` are used, the others
  /// are bound, for everybody: who may do what is decided by who asks. Permanent error: `given`
  /// has a name that is none of ours (submit, control, pop3), or one of another kind of socket.
  static Result<Doors> open(const Instance& instance, ListenFds given);

  int submit() const { return submit_.get(); }
  int control() const { return control_.get(); }
  posix::UniqueFd take_pop3() { return std::move(pop3_); }  ///< not open where it was not given

  /// Nobody comes in any more. What was given is not ours to remove.
  void close(const Instance& instance);

 private:
  posix::UniqueFd submit_, control_, pop3_;
  bool ours_submit_ = false;
  bool ours_control_ = false;
};

}  // namespace porpoise::front
