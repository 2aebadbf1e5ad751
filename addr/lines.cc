#include "addr/lines.h"

#include <algorithm>

namespace porpoise::addr {

void Lines::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t lf = piece.find('\n');
    if (lf != std::string_view::npos) {
      end_line(piece.substr(0, lf));
      piece.remove_prefix(lf + 1);
      continue;
    }
    // One more than a line may have, for the CR that may turn out not to be part of it.
    const std::size_t room = max_line_ + 1 - begun_.size();
    begun_ += piece.substr(0, room);
    if (piece.size() > room) long_ = true;
    return;
  }
}

void Lines::finish() {
  if (!begun_.empty() || long_) end_line({});
}

void Lines::end_line(std::string_view tail) {
  std::string_view line = tail;
  if (!begun_.empty() || long_) {
    const std::size_t room = max_line_ + 1 - begun_.size();
    if (tail.size() > room) long_ = true;
    line = begun_.append(tail.substr(0, room));
  }
  if (!long_ && line.ends_with('\r')) line.remove_suffix(1);
  const bool whole = !long_ && line.size() <= max_line_;
  each_(line.substr(0, max_line_), whole);
  begun_.clear();
  long_ = false;
}

}  // namespace porpoise::addr
