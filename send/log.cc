#include "send/log.h"

#include "posix/file.h"
#include "posix/program.h"

namespace porpoise::send {

void Log::add(std::int64_t wall_us, const LogEntry& entry) {
  const std::string time = timestamp(wall_us);
  lines_ += format_ == LogFormat::json ? json_line(time, entry)
                                       : time + ' ' + posix::printable(plain_line(entry));
  lines_ += '\n';
}

void Log::flush() {
  (void)posix::write_all(fd_, lines_, "the log");
  lines_.clear();
}

}  // namespace porpoise::send
