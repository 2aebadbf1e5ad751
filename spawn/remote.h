// How the program of control/remote is started for one recipient, and what it has said. Pure.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "instance/remote.h"
#include "libmail/result.h"
#include "posix/process.h"
#include "spawn/protocol.h"

namespace porpoise::spawn {

inline constexpr std::size_t kMaxRemoteOctets = 16384;  ///< of what the program says; more is cut

/// Its arguments, beginning with its own name. One recipient a run: with several, one exit code
/// could not tell whom it is about. Addresses are quoted for `pipe`, whose programs read them as in
/// a header, and bare for `qmail`. Permanent errors: no domain, or an address with a control
/// character, which nobody must be able to smuggle into a session of another program.
Result<std::vector<std::string>> remote_arguments(const RemoteProgram& program,
                                                  const StartDelivery& start);

/// The end of a delivery. `text` is empty where the program was silent.
struct Said {
  char letter = 'Z';  ///< K, Z or D
  std::string text;
};

/// Of `pipe`: its exit code decides, its words are the text. Only what is certainly about this
/// message is a failure: 65, 67 and 100. Whatever may be the network's, the server's or the
/// configuration's fault waits.
Said said_by_pipe(const posix::Ended& ended, std::string_view words);

/// Of `qmail`: reports, each ended by NUL (reference 6.7 and 11.2). A failure needs a report that
/// says so; a program that ends otherwise than with 0 and its reports has said nothing.
Said said_by_qmail(const posix::Ended& ended, std::string_view reports);

}  // namespace porpoise::spawn
