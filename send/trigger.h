// queue/trigger, the reading end: who has just put a message into incoming/.

#pragma once

#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/id.h"

namespace porpoise::send {

class Trigger {
 public:
  /// Opened for reading and writing, so that there is no end of file between two writers. From
  /// now on what is told is heard: read incoming/ after this, not before.
  static Result<Trigger> open(const Instance& instance);

  int fd() const { return fd_.get(); }

  struct Told {
    std::vector<queue::Id> ids;
    bool scan = false;  ///< something could not be told, or not be read: look into incoming/
  };
  Told read();

 private:
  posix::UniqueFd fd_;
  std::size_t capacity_ = 0;
};

}  // namespace porpoise::send
