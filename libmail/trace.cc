#include "libmail/trace.h"

#include <algorithm>

#include "libmail/steps.h"

namespace porpoise::mail {

void TraceScan::feed(std::string_view piece) {
  while (!piece.empty() && !done_) {
    if (naming_ || same_) {
      take(piece.front());
      piece.remove_prefix(1);
      continue;
    }
    const std::size_t lf = std::min(piece.find('\n'), piece.size());
    count_steps(lf);
    length_ += lf;
    piece.remove_prefix(lf);
    if (piece.empty()) return;
    ++length_;
    end_line();
    piece.remove_prefix(1);
  }
}

void TraceScan::take(char c) {
  count_steps();
  same_ = same_ && length_ < own_line_.size() && own_line_[length_] == c;
  if (c == '\n') {
    ++length_;
    return end_line();
  }
  cr_ = length_++ == 0 && c == '\r';
  if (!naming_) return;
  if (c == ':') {
    count_name();
    naming_ = false;
  } else if (c == ' ' || c == '\t') {
    blanks_ = true;
  } else if (blanks_ || name_size_ == name_.size()) {
    naming_ = false;  // no field, or one with a longer name
  } else {
    name_[name_size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
}

void TraceScan::count_name() {
  const std::string_view name(name_.data(), name_size_);
  received_ += name == "received" ? 1 : 0;
  delivered_ += name == "delivered-to" ? 1 : 0;
}

void TraceScan::end_line() {
  looping_ = looping_ || (same_ && length_ == own_line_.size());
  done_ = length_ == 1 || (length_ == 2 && cr_);
  length_ = 0;
  same_ = true;
  naming_ = true;
  blanks_ = false;
  name_size_ = 0;
}

}  // namespace porpoise::mail
