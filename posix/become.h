// How root becomes somebody else, and what a part gives up for ever.

#pragma once

#include <initializer_list>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

#include "libmail/result.h"

namespace porpoise::posix {

/// Whom a process becomes: never root, never root's group.
struct Become {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups{};  ///< beside `gid`; those of the caller are given up
};

/// For a process of one thread that root has just forked: groups, then all three gids, then all
/// three uids; and it is made sure that they are so and that there is no way back. After an error
/// the process must end. The kernel keeps others of that uid from tracing it, or reading its memory
/// and descriptors, until it executes something.
Result<> become(const Become& who);

/// `signal` when `parent`, who forked us, ends; an error if it has ended already. To be asked for
/// again after become(), which the kernel takes it back at.
Result<> end_with(pid_t parent, int signal);

/// What somebody's programs begin with, whatever we were started with.
struct Resources {
  rlim_t core = 0;      ///< octets of a core file: it would hold mail. They may raise it again
  rlim_t files = 1024;  ///< descriptors, or fewer where fewer are allowed
  int priority = 0;     ///< "nice", where we have a better one
};
Result<> set_resources(const Resources& resources);

/// As many descriptors as we may have, within reason.
void raise_file_limit();

/// Gives up every capability of this process but these (CAP_SETUID...), so that being root means no
/// more than that. Programs it executes as others keep what set-uid bits give them.
Result<> keep_capabilities(std::initializer_list<int> kept);

}  // namespace porpoise::posix
