// Asking a running send something, over run/control.

#pragma once

#include <string>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::queue {

inline constexpr int kAskSeconds = 10;  ///< how long an answer may take
inline constexpr std::size_t kMaxAnswerOctets = 65536;

/// Sends the command `line` ("ping", "retry", "retry ID", "status") and gives the whole answer:
/// one line beginning with "+OK" or "-ERR", and where the command has a longer one, lines up to
/// one of a single ".". Lines end in LF.
///
/// ENOENT and ECONNREFUSED in Error::sys: no send runs. ETIMEDOUT: it does not answer.
Result<std::string> ask_send(const Instance& instance, const std::string& line);

}  // namespace porpoise::queue
