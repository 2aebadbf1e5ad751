// The loop around a session: reads, feeds, sends, keeps the times.

#pragma once

#include <functional>

#include "smtp/connection.h"
#include "smtp/session.h"

namespace porpoise::smtp {

enum class Ending {
  closed,         ///< by the session: QUIT, or a limit
  end_of_input,   ///< the client went away between messages
  within_a_text,  ///< or in the middle of one, of which nothing is left
  too_late,       ///< a time limit
  told,           ///< SIGTERM
  not_sent,       ///< the client takes no replies
};

/// Greets, and serves to the end. `dry` is called whenever the client has said all that it has to
/// say for now, before it is waited for.
Ending serve(Session& session, Connection& client, const Limits& limits,
             const std::function<void()>& dry);

}  // namespace porpoise::smtp
