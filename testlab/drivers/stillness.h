// Whether anything moves in a tree of processes, as the kernel tells it.

#pragma once

#include <map>
#include <optional>
#include <sys/types.h>

namespace porpoise::driver {

/// Of each thread of a tree, how often it was switched from or to.
using Turns = std::map<pid_t, unsigned long long>;

/// Those of `root` and all that descend from it, where all of them sleep. None where one runs,
/// waits for a disk, is stopped by a tracer or has just ended, or where the kernel does not tell.
/// Two looks with the same answer: between them nobody has moved.
std::optional<Turns> asleep(pid_t root);

/// How many children a process has; 0 where the kernel does not tell.
int children_of(pid_t pid);

}  // namespace porpoise::driver
