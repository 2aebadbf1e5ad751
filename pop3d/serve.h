// The loop of pop3d: reads lines, asks the session, and does what it says.

#pragma once

#include "pop3d/connection.h"
#include "pop3d/limits.h"
#include "pop3d/mailbox.h"

namespace porpoise::pop3d {

/// Serves one session to its end. Only QUIT changes the mailbox; the end of the connection, a
/// client that takes too long and a message that cannot be read to its end change nothing. True
/// where the session ended the connection: its last reply is still to be sent, by finish(), once
/// the mailbox is free for the next session.
[[nodiscard]] bool serve(Connection& client, Mailbox& mailbox, const Limits& limits);

/// The program: opens the Maildir `path`, greets on `out`, serves. A mailbox that cannot be opened
/// is an -ERR to the client and one line on standard error. With `confined`, the process gives up
/// all but that Maildir first (posix/sandbox.h), for good.
void run_pop3d(const std::string& path, int in, int out, const Limits& limits,
               bool confined = false);

}  // namespace porpoise::pop3d
