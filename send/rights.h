// What send and bounce give up in a system instance (posix/sandbox.h). In a personal one they keep
// what the user has: send may have to start spawn there, and with it any program of the user's.

#pragma once

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::send {

/// From here on send reads control/, changes queue/, and starts bounce; nothing else. Call it
/// before the first other thread. A kernel that cannot do it is a line on standard error, and no
/// error.
Result<> confine_send(const Instance& instance);

/// The same without starting anything.
Result<> confine_bounce(const Instance& instance);

}  // namespace porpoise::send
