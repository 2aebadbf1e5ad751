// Unix sockets, bound and reached through a folder's descriptor, so that the length of the path
// does not matter (sun_path holds 107 octets); and descriptors sent over them between our own
// parts. Nothing of a stranger's ever comes that way.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::posix {

/// A listening SOCK_STREAM socket `name` in `folder`, mode `mode`, replacing what an ended
/// process left. The caller holds the lock that makes it the only server.
Result<UniqueFd> listen_in(int folder, const std::string& name, mode_t mode);

/// Connects to it. ENOENT and ECONNREFUSED in Error::sys mean that nobody is there.
Result<UniqueFd> connect_in(int folder, const std::string& name);

/// A listening TCP socket on 127.0.0.1; port 0 takes any free one. `port` gets the real one.
Result<UniqueFd> listen_loopback(unsigned short& port);

struct SocketPair {
  UniqueFd ours;
  UniqueFd theirs;
};
/// A connected pair of SOCK_SEQPACKET sockets: each send is one whole message.
Result<SocketPair> message_pair();

/// Sends one message with at most one descriptor. EAGAIN shows in Error::sys (non-blocking).
Result<> send_message(int socket, std::string_view text, int descriptor = -1);

struct Message {
  std::string text;
  UniqueFd descriptor;  ///< not open where none came
};
/// Receives one message of at most `max_octets`; none at the end of the connection. A longer one,
/// or one with more than one descriptor, is a permanent error. EAGAIN shows in Error::sys.
Result<std::optional<Message>> receive_message(int socket, std::size_t max_octets);

Result<> set_nonblocking(int fd);

/// Who somebody is, for the kernel, whose uid has no number in our user namespace: several people,
/// or none. 65534 where that cannot be read.
uid_t overflow_uid();

}  // namespace porpoise::posix
