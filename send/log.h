// The log: lines on one descriptor, written together once a turn of the loop.

#pragma once

#include <string>
#include <string_view>

#include "send/log_text.h"

namespace porpoise::send {

class Log {
 public:
  explicit Log(int fd) : fd_(fd) {}

  /// Adds "TIMESTAMP LINE"; control octets become "?" so that a line stays one.
  void line(std::int64_t wall_us, std::string_view text);
  /// Writes what was added. Where nobody reads it any more, it is dropped.
  void flush();

 private:
  int fd_;
  std::string lines_;
};

}  // namespace porpoise::send
