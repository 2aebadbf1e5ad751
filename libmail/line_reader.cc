#include "libmail/line_reader.h"

#include <algorithm>
#include <string.h>

#include "libmail/steps.h"

namespace porpoise::mail {

std::size_t LineReader::feed(std::string_view in) {
  std::size_t taken = 0;
  while (taken < in.size() && !complete_) {
    const std::size_t lf = std::min(in.find('\n', taken), in.size());
    count_steps(lf - taken + 1);
    keep(in.substr(taken, lf - taken));
    if (lf == in.size()) return lf;
    taken = lf + 1;
    if (after_cr_ || end_ == LineEnd::crlf_or_lf) {
      finish();
    } else {
      keep("\n");
    }
  }
  return taken;
}

void LineReader::keep(std::string_view piece) {
  if (piece.empty()) return;
  // One octet more than fits, since it may be the CR of the line's end.
  line_.append(piece.substr(0, max_octets_ - 1 - line_.size()));
  octets_ += piece.size();
  after_cr_ = piece.back() == '\r';
}

void LineReader::finish() {
  complete_ = true;
  const std::size_t text = octets_ - (after_cr_ ? 1 : 0);
  too_long_ = text + 2 > max_octets_;
  line_.resize(too_long_ ? 0 : text);
}

bool LineReader::has_bare() const {
  return line_.find_first_of("\r\n") != std::string::npos;
}

void LineReader::clear() {
  // The string keeps its room, and what was cut off may still lie in it.
  line_.resize(line_.capacity());
  ::explicit_bzero(line_.data(), line_.size());
  line_.clear();
  octets_ = 0;
  after_cr_ = complete_ = too_long_ = false;
}

}  // namespace porpoise::mail
