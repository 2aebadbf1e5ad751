#include "libmail/wire_text.h"

#include <algorithm>

#include "libmail/steps.h"

namespace porpoise::mail {

void WireText::count(std::string_view in) {
  octets_ += in.size();
  char before = last_;
  for (std::size_t at = in.find('\n'); at != std::string_view::npos; at = in.find('\n', at + 1)) {
    count_steps();
    if ((at == 0 ? before : in[at - 1]) != '\r') ++octets_;
  }
  if (to_crlf_) {
    // Each CR got its LF; the LF that follows one was counted as itself.
    for (std::size_t at = 0; at < in.size(); ++at) {
      count_steps();
      if (in[at] == '\r') ++octets_;
      if (in[at] == '\n' && before == '\r') --octets_;
      before = in[at];
    }
  }
  if (!in.empty()) last_ = in.back();
}

void WireText::encode(std::string_view in, std::string& out) {
  const std::size_t stuffed_before = out.size();
  std::size_t dots = 0;
  while (!in.empty()) {
    count_steps();
    if (in.front() == '.' && at_line_begin()) {
      out += '.';
      ++dots;
    }
    const std::size_t end = to_crlf_ ? in.find_first_of("\r\n") : in.find('\n');
    const std::string_view line = in.substr(0, end);
    count_steps(line.size());
    out += line;
    if (!line.empty()) last_ = line.back();
    if (end == std::string_view::npos) break;
    if (in[end] == '\r' || last_ != '\r') {
      out += "\r\n";
    } else if (!to_crlf_) {
      out += '\n';  // a CR and this: out came the CR
    }
    last_ = in[end];
    in.remove_prefix(end + 1);
  }
  octets_ += out.size() - stuffed_before - dots;
}

void WireText::finish(std::string* out) {
  if (at_line_begin()) return;
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
