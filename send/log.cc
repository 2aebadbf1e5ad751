#include "send/log.h"

#include "posix/file.h"
#include "posix/program.h"

namespace porpoise::send {

void Log::line(std::int64_t wall_us, std::string_view text) {
  lines_ += timestamp(wall_us);
  lines_ += ' ';
  lines_ += posix::printable(text);
  lines_ += '\n';
}

void Log::flush() {
  (void)posix::write_all(fd_, lines_, "the log");
  lines_.clear();
}

}  // namespace porpoise::send
