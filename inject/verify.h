// sendmail -bv: would mail for these addresses be delivered, and what decides that?

#pragma once

#include <string>
#include <vector>

#include "inject/run.h"

namespace porpoise::inject {

struct Verified {
  std::string text;  ///< a line for each recipient: "ADDRESS... deliverable: RULE"
  /// The exit code: 0 where all are deliverable, as far as can be told; else that of the first
  /// that is not: 65 where it cannot be read, 67 where nobody has it, 68 where it is elsewhere.
  int code = 0;
};

/// Reads the arguments of `request` as a submission would; nothing is read from standard input.
/// Failures: no instance, a table of it that makes no sense.
Outcome<Verified> verify(const Request& request);

}  // namespace porpoise::inject
