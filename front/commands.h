// The command line of `porpoise`: one word chooses a command of ours or a program of the private
// folder.

#pragma once

#include "libmail/result.h"

namespace porpoise::front {

/// The exit code, or what went wrong. Wrong options: one line on standard error, and 100.
Result<int> porpoise(int argc, char** argv);

}  // namespace porpoise::front
