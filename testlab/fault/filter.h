// Which system calls of a tree stop it for the tracer: the fewer, the faster it runs.

#pragma once

#include "tracer.h"

namespace porpoise::fault {

/// Called by the root of the tree before it becomes the program. A process that cannot have the
/// filter ends with kTrouble.
void stop_at_calls(const Plan& plan);

}  // namespace porpoise::fault
