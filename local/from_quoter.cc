#include "local/from_quoter.h"

namespace porpoise::local {
namespace {

constexpr std::string_view kFrom = "From ";

}  // namespace

void FromQuoter::feed(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    if (!beginning_) {
      const std::size_t end = piece.find('\n');
      const std::size_t taken = end == std::string_view::npos ? piece.size() : end + 1;
      out += piece.substr(0, taken);
      piece.remove_prefix(taken);
      beginning_ = end != std::string_view::npos;
      open_line_ = !beginning_;
      continue;
    }
    const char c = piece.front();
    open_line_ = true;
    if (held_ == 0 && c == '>') {
      out += c;  // one more ">" before "From " may as well follow those that are there
      piece.remove_prefix(1);
    } else if (c == kFrom[held_]) {
      piece.remove_prefix(1);
      if (++held_ < kFrom.size()) continue;
      out += '>';
      out += kFrom;
      held_ = 0;
      beginning_ = false;
    } else {
      out += kFrom.substr(0, held_);
      held_ = 0;
      beginning_ = false;
    }
  }
}

void FromQuoter::finish(std::string& out) {
  out += kFrom.substr(0, held_);
  held_ = 0;
  if (open_line_) out += '\n';
  out += '\n';
}

}  // namespace porpoise::local
