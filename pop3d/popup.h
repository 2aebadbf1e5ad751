// The loop of popup: greets, reads up to PASS or APOP and not an octet further, and starts the
// password check on the connection, or asks the one that was started beside it.

#pragma once

#include <string>
#include <vector>

#include "libmail/result.h"
#include "pop3d/limits.h"

namespace porpoise::pop3d {

struct Popup {
  std::string hostname;
  std::vector<std::string> subprogram;  ///< its name and arguments; none: one beside us (beside.h)
  bool apop = false;
  Limits limits;
};

/// Serves the client on descriptors 0 and 1. Gives the exit code: 0 after a session, QUIT, or a
/// client that left; 1 after a login that failed for the last time or too many bad commands.
int run_popup(const Popup& popup);

/// Gives up all that a popup without a subprogram has no use for: files, programs, sockets, other
/// processes, the log. Errors: those of confine(); we are root.
Result<> confine_popup();

/// Where a program named without a slash is: beside ours, else wherever PATH has it.
std::string find_program(const std::string& name);

}  // namespace porpoise::pop3d
