#include "posix/writer.h"

#include "posix/file.h"

namespace porpoise::posix {

void Writer::put(std::string_view text) {
  if (!done_) return;
  if (room_.size() + text.size() > kRoom) done_ = flush();
  if (!done_) return;
  if (text.size() >= kRoom) {
    done_ = write_all(fd_, text, what_);
  } else {
    room_ += text;
  }
}

Result<> Writer::flush() {
  if (done_ && !room_.empty()) done_ = write_all(fd_, room_, what_);
  room_.clear();
  return done_;
}

}  // namespace porpoise::posix
