// What the drivers have in common: they stand where `porpoise run`, an init or a user's shell
// would, and start programs with just the descriptors, the user and the environment that those have
// there.
//
// A driver is small and static, since the lab starts thousands of them, and each is traced: its own
// calls never fail, but it is killed as everybody else is (points.py).

#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace porpoise::driver {

inline constexpr int kTrouble = 70;  ///< exit code: of the driver itself; no program answers so

/// Says "ACT: REASON of errno" on standard error and ends the process.
[[noreturn]] void give_up(const std::string& act);
/// `result`, unless it is below zero: then it gives up.
int must(int result, const char* act);

struct Command {
  std::string program;                 ///< its path
  std::vector<std::string> arguments;  ///< from argv[0] on
  std::vector<std::string> environment;
};

/// Becomes the program, or ends.
[[noreturn]] void become(const Command& command);

/// A listening socket NAME in `folder` that all may use, instead of one that is there; below zero:
/// errno says why. Its path may be too long to be bound by it, so this goes into the folder, and
/// then to "/".
int listening(const std::string& folder, const std::string& name);

/// Waits for the child; its status as wait(2) has it.
int wait_for(pid_t child);

/// Ends as a process with this status has ended.
[[noreturn]] void end_as(int status);

/// Of a child that has just been forked: its parent's end is its own, whatever ends that.
void end_with(pid_t parent);

}  // namespace porpoise::driver
