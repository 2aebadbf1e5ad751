// Starting the send that a submission finds missing.

#pragma once

#include "instance/instance.h"
#include "posix/process.h"

namespace porpoise::queue {

/// `send --once` of this instance, with nothing of ours: a session of its own, standard streams
/// on /dev/null, an environment made anew.
posix::Command send_once(const Instance& instance);

/// Whether a submission is to start one at all: not with PORPOISE_NO_SEND=1, not for a foreign
/// queue, not where one listens or works.
bool send_is_wanted(const Instance& instance);

}  // namespace porpoise::queue
