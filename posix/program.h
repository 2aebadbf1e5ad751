// What every main() does first and last.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::posix {

/// First call of main(): opens /dev/null on whichever of descriptors 0, 1, 2 is closed (so that no
/// mailbox is ever opened as descriptor 2), ignores SIGPIPE and SIGXFSZ (EPIPE and EFBIG are errors
/// like others).
void begin_program();

/// One line on standard error: "NAME: TEXT\n"; control characters in it are shown as "?".
void complain(std::string_view program, std::string_view text);

/// Runs `body` and turns its result into the exit code: 0, or one line on standard error and 100
/// or 111; lack of memory and any other exception is 111.
int run_program(std::string_view program, const std::function<Result<int>()>& body);

/// Text for a person from anywhere: LF becomes "/", other control octets and DEL become "?".
/// Octets from 128 on are kept.
std::string printable(std::string_view text);

}  // namespace porpoise::posix
