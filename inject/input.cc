#include "inject/input.h"

#include <utility>

#include "posix/file.h"

namespace porpoise::inject {

bool DotEnd::feed(std::string_view in, std::string& out) {
  while (!in.empty() && !found_) {
    if (at_ == At::inside) {
      const std::size_t lf = in.find('\n');
      const std::size_t count = lf == std::string_view::npos ? in.size() : lf + 1;
      out.append(in.substr(0, count));
      in.remove_prefix(count);
      if (lf != std::string_view::npos) at_ = At::line_begin;
      continue;
    }
    const char c = in.front();
    if (at_ == At::line_begin && c == '.') {
      at_ = At::dot;
    } else if (at_ == At::dot && c == '\r') {
      at_ = At::dot_cr;
    } else if (at_ != At::line_begin && c == '\n') {
      found_ = true;
    } else {
      if (at_ != At::line_begin) out += at_ == At::dot ? "." : ".\r";
      at_ = At::inside;
      continue;  // this octet again, as one inside a line
    }
    in.remove_prefix(1);
  }
  return found_;
}

std::string_view LineEnds::feed(std::string_view in) {
  if (in.empty()) return in;
  std::string_view out = in;
  if (held_cr_ || in.find('\r') != std::string_view::npos) {
    room_.clear();
    for (std::size_t i = 0; i < in.size();) {
      if (held_cr_ && in[i] != '\n') room_ += '\r';
      const std::size_t cr = in.find('\r', i);
      held_cr_ = cr != std::string_view::npos;
      room_.append(in.substr(i, cr - i));
      i = held_cr_ ? cr + 1 : in.size();
    }
    out = room_;
  }
  if (!out.empty()) last_ = out.back();
  return out;
}

std::string_view LineEnds::finish() {
  const bool whole = !held_cr_ && last_ == '\n';
  held_cr_ = false;
  last_ = '\n';
  return whole ? "" : "\n";
}

Input::Input(int fd, bool dot_ends) : fd_(fd), dot_ends_(dot_ends), room_(65536) {}

Outcome<std::string_view> Input::next() {
  Outcome<std::string_view> piece = read();
  if (piece && copy_ != nullptr) copy_->keep(*piece);
  return piece;
}

Outcome<std::string_view> Input::read() {
  if (!before_.empty()) {
    text_ = std::exchange(before_, {});
    return text_;
  }
  while (!ended_) {
    Result<std::size_t> count = posix::read_some(fd_, room_, "standard input");
    if (!count) {
      const int err = count.error().sys;
      if (!begun_ && (err == EISDIR || err == EBADF || err == EINVAL)) {
        return failure(Cause::no_input, count.error());
      }
      return failure(Cause::input, count.error());
    }
    begun_ = true;
    if (*count == 0) break;
    const std::string_view piece(room_.data(), *count);
    if (!dot_ends_) return piece;
    text_.clear();
    ended_ = dot_.feed(piece, text_);
    if (!text_.empty()) return text_;
  }
  ended_ = true;
  return std::string_view();
}

}  // namespace porpoise::inject
