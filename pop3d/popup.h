// The loop of popup: greets, reads up to PASS or APOP and not an octet further, and starts the
// password check on the connection.

#pragma once

#include <string>
#include <vector>

#include "pop3d/limits.h"

namespace porpoise::pop3d {

struct Popup {
  std::string hostname;
  std::vector<std::string> subprogram;  ///< its name and arguments
  bool apop = false;
  Limits limits;
};

/// Serves the client on descriptors 0 and 1. Gives the exit code: 0 after a session, QUIT, or a
/// client that left; 1 after a login that failed for the last time or too many bad commands.
int run_popup(const Popup& popup);

/// Where a program named without a slash is: beside ours, else wherever PATH has it.
std::string find_program(const std::string& name);

}  // namespace porpoise::pop3d
