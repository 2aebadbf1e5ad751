// Sockets that are listening already when we start, by the convention of systemd's socket
// activation: LISTEN_PID is ours, LISTEN_FDS their number, descriptors from 3 on, LISTEN_FDNAMES
// their names.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::front {

using ListenFds = std::map<std::string, posix::UniqueFd>;

/// Takes them, close-on-exec, and the variables out of the environment; none where they are not
/// for us. Call it before anything is opened. Permanent errors: a number that is none, a name
/// that is there twice, a descriptor that is no listening stream socket.
Result<ListenFds> take_listen_fds();

/// Which names the `count` descriptors have; "unknown" where LISTEN_FDNAMES says nothing. Pure.
Result<std::vector<std::string>> listen_names(int count, const std::optional<std::string>& names);

}  // namespace porpoise::front
