// The command line of inject (reference 2.1).

#pragma once

#include "inject/run.h"

namespace porpoise::inject {

struct InjectCommand {
  Request request{};
  bool help = false;
};

/// Reads it; later options override earlier ones of the same kind. Failures: usage.
Outcome<InjectCommand> parse_inject(int argc, char** argv);

extern const char* const kInjectHelp;

}  // namespace porpoise::inject
