#include "libmail/wire_text.h"

#include <algorithm>

namespace porpoise::mail {

void WireText::count(std::string_view in) {
  octets_ += in.size();
  for (std::size_t at = in.find('\n'); at != std::string_view::npos; at = in.find('\n', at + 1)) {
    if ((at == 0 ? last_ : in[at - 1]) != '\r') ++octets_;
  }
  if (!in.empty()) last_ = in.back();
}

void WireText::encode(std::string_view in, std::string& out) {
  char before = last_;
  count(in);
  while (!in.empty()) {
    if (before == '\n' && in.front() == '.') out += '.';
    const std::size_t end = in.find('\n');
    const std::string_view line = in.substr(0, end);
    out += line;
    if (end == std::string_view::npos) return;
    if ((line.empty() ? before : line.back()) != '\r') out += '\r';
    out += '\n';
    before = '\n';
    in.remove_prefix(end + 1);
  }
}

void WireText::finish(std::string* out) {
  if (last_ == '\n') return;
  octets_ += 2;
  last_ = '\n';
  if (out != nullptr) *out += "\r\n";
}

std::size_t TopLimit::take(std::string_view in) {
  for (std::size_t at = 0; at < in.size() && !reached_;) {
    // Asked at the first octet after a line, not at its LF, so that nothing is lost where the
    // pieces split.
    if (in_body_ && lines_ == 0) {
      reached_ = true;
      return at;
    }
    const std::size_t end = std::min(in.find('\n', at), in.size());
    const std::string_view line = in.substr(at, end - at);
    if (!in_body_ && line.find_first_not_of('\r') != std::string_view::npos) line_is_empty_ = false;
    at = std::min(end + 1, in.size());
    if (end == in.size()) break;
    if (in_body_) {
      --lines_;
    } else if (line_is_empty_) {
      in_body_ = true;
    }
    line_is_empty_ = true;
  }
  return reached_ ? 0 : in.size();
}

}  // namespace porpoise::mail
