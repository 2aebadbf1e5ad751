// The log of `porpoise run`: what the front door itself has to tell, a line each, between the
// lines of send and spawn, which write to the same descriptor.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::front {

/// "2026-11-21T10:45:00.123Z porpoise: TEXT" and LF, UTC, as send writes its own; control
/// characters are shown as "?".
std::string log_line(std::int64_t wall_us, std::string_view text);

/// The same as send(8)'s JSON lines are: {"time":...,"event":"porpoise","text":TEXT} and LF.
std::string log_json(std::int64_t wall_us, std::string_view text);

class Log {
 public:
  explicit Log(int fd, bool json = false) : fd_(fd), json_(json) {}  ///< lent

  /// One line, in one write. A log that cannot be written stops no mail.
  void line(std::string_view text) const;
  void error(const Error& error) const { line(error.text); }
  int fd() const { return fd_; }
  bool json() const { return json_; }

 private:
  int fd_;
  bool json_;
};

}  // namespace porpoise::front
