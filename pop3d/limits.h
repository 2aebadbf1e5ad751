// Everything in a POP3 session that could grow, and where it ends.

#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace porpoise::pop3d {

struct Limits {
  /// Of a command line with its CRLF (RFC 2449 section 4). Beyond: -ERR, the line is skipped.
  std::size_t line_octets = 255;

  /// How long the client may take for its next whole command, and for taking anything of a reply
  /// (RFC 1939 section 3: at least ten minutes). Beyond: closed without a word, nothing removed.
  std::chrono::seconds idle{1200};

  /// Lines that are no command, or have wrong arguments. Beyond: -ERR, closed, nothing removed.
  int bad_commands = 100;

  /// The same before login, where a stranger talks.
  int bad_commands_before_login = 20;

  /// Wrong passwords in a connection. After the last one it is closed.
  int logins = 3;

  /// Of what popup hands to the password check on descriptor 3.
  std::size_t login_octets = 512;
};

/// Reads the argument of --idle, 1 second to 1 day ("300", "20m"). False for anything else.
bool parse_idle(std::string_view text, Limits& limits);

/// Letters, digits, '.', '-' and '_', at most 253 of them: fit for a greeting and a stamp.
bool is_host_name(std::string_view text);

}  // namespace porpoise::pop3d
