// The log: lines on one descriptor, written together once a turn of the loop.

#pragma once

#include <string>
#include <string_view>

#include "send/log_entry.h"
#include "send/log_text.h"

namespace porpoise::send {

enum class LogFormat {
  plain,  ///< "TIMESTAMP STORY name=value ..."
  json,   ///< one object a line
};

class Log {
 public:
  Log(int fd, LogFormat format) : fd_(fd), format_(format) {}

  /// In a plain line control octets become "?" so that a line stays one.
  void add(std::int64_t wall_us, const LogEntry& entry);
  /// Writes what was added. Where nobody reads it any more, it is dropped.
  void flush();

 private:
  int fd_;
  LogFormat format_;
  std::string lines_;
};

}  // namespace porpoise::send
