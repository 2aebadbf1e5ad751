#include "local/loop_scan.h"

namespace porpoise::local {

void LoopScan::feed(std::string_view piece) {
  for (const char c : piece) {
    if (done()) return;
    same_ = same_ && length_ < line_.size() && line_[length_] == c;
    ++length_;
    if (c == '\n') end_line();
  }
}

void LoopScan::end_line() {
  found_ = same_ && length_ == line_.size();
  header_ended_ = length_ == 1;
  length_ = 0;
  same_ = true;
}

}  // namespace porpoise::local
