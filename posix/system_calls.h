// The seccomp half of sandbox.h.

#pragma once

#include "libmail/result.h"
#include "posix/sandbox.h"

namespace porpoise::posix {

/// Refuses, with EPERM, the system calls that `box` does not ask for. False: this machine or kernel
/// has no filters. The caller has set no_new_privs.
Result<bool> restrict_system_calls(const Sandbox& box);

}  // namespace porpoise::posix
