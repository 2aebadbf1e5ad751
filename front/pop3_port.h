// control/pop3port says where `porpoise run` is to offer POP3, run/pop3port where it does.

#pragma once

#include <optional>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::front {

/// Unprivileged, and easy to remember beside 110.
inline constexpr unsigned short kDefaultPop3Port = 1100;

struct Pop3Setting {
  bool wanted = true;                      ///< false: control/pop3port says "none"
  unsigned short port = kDefaultPop3Port;  ///< 0: any free one
  bool chosen = false;  ///< by the file; the default may give way to any free port
};

/// Temporary error naming the file: it cannot be read, or is neither a port nor "none".
Result<Pop3Setting> pop3_setting(const Instance& instance);

/// The port in run/pop3port; none where the file is missing or holds no port. It is worth
/// something only while `porpoise run` is running.
std::optional<unsigned short> pop3_port_in_use(const Instance& instance);

Result<> write_pop3_port(const Instance& instance, unsigned short port);
void remove_pop3_port(const Instance& instance);

}  // namespace porpoise::front
