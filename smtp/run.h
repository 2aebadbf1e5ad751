// sendmail -bs: a session on standard input and output.

#pragma once

#include <optional>
#include <string>

#include "libmail/result.h"
#include "smtp/serve.h"

namespace porpoise::smtp {

struct StdioRequest {
  std::optional<std::string> instance{};  ///< --instance
  bool start_send = true;                 ///< where no send runs, start one for what was taken
};

/// Serves one client on descriptors 0 and 1. Who runs it may send mail anywhere; a client of a TCP
/// connection may only where the environment has RELAYCLIENT. Errors, all before the greeting and
/// told to the client with 421: no instance, somebody else's, a control file that makes no sense.
Result<Ending> serve_stdio(const StdioRequest& request);

}  // namespace porpoise::smtp
