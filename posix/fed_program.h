// Running a program whose standard input is some text and then our own: preline and predate.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"

namespace porpoise::posix {

/// Runs the program (found in PATH; the first word is also its argv[0]) with `before` and then all
/// of our standard input on its standard input, and gives its exit code. It may stop reading
/// whenever it likes; that is its own affair.
///
/// Errors: it cannot be started (the errno of exec shows in Error::sys); it was killed by a
/// signal; our input cannot be read, or the process that passes it on was killed: then it is
/// killed, so that it does not take the half for the whole. Where we are killed ourselves it gets
/// the whole.
Result<int> run_fed(const std::vector<std::string>& command_line, std::string_view before);

}  // namespace porpoise::posix
