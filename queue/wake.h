// Starting the send that a submission finds missing, and having one that runs look.

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

/// Has send, where one listens, look through incoming/: for whoever takes the place of one that was
/// killed, perhaps between a message's name and its trigger.
void have_incoming_read(const Instance& instance);

}  // namespace porpoise::queue
