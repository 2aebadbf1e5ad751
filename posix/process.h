// Starting programs and learning how they ended.

#pragma once

#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::posix {

/// A program to start. It gets exactly `environment`, exactly the descriptors of `fds` (fds[i]
/// becomes descriptor i; -1 gives /dev/null), no blocked signals, and default signal actions.
struct Command {
  std::string path;                      ///< no PATH search unless `search` is set
  std::vector<std::string> arguments;    ///< argv, with argv[0]
  std::vector<std::string> environment;  ///< "NAME=value"
  std::vector<int> fds = {0, 1, 2};
  std::string folder;         ///< its working folder; "" keeps ours
  bool search = false;        ///< look `path` up in our PATH, as execvp does
  bool new_session = false;   ///< a session and process group of its own
  bool dies_with_us = false;  ///< SIGTERM when the parent ends (PR_SET_PDEATHSIG)
};

/// Starts it. Errors carry the errno of exec ("starting PATH: reason"), so a missing program is
/// told here and not by an exit code. The child is made by vfork: memory is not copied.
Result<pid_t> start(const Command& command);

/// Forks a child that runs `body` and ends with the exit code it returns (111 where it throws): a
/// session of its own, exactly `fds`, default signals, umask 077, working folder "/". Unlike with
/// start(), its memory is its own and nobody waits for it: so it may become a user, who could stop
/// a vfork child, and with it us. For programs of one thread.
Result<pid_t> fork_into(const std::vector<int>& fds, const std::function<int()>& body);

/// The last act of such a child: `command`'s path, arguments and environment; the rest of it is not
/// looked at. Returns only to say why not.
Error execute(const Command& command);

/// How a process ended.
struct Ended {
  int code = 0;    ///< exit code, where signal is 0
  int signal = 0;  ///< the signal that killed it, else 0
  bool ok() const { return code == 0 && signal == 0; }
  std::string text() const;  ///< "exit code 3" or "killed by signal 9"
};

/// Waits for this child. Also usable with a status from waitpid.
Result<Ended> wait_for(pid_t child);
Ended ended(int wait_status);

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
Result<Pipe> make_pipe();

/// The folder that the running program's file lies in, where its siblings are: "/.../bin".
/// $PORPOISE_BIN overrides it unless we run with raised privilege (AT_SECURE).
std::string program_folder();

/// The whole environment of this process, for Command::environment.
std::vector<std::string> own_environment();

}  // namespace porpoise::posix
