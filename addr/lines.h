// Lines from pieces of any size, in bounded memory.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace porpoise::addr {

inline constexpr std::size_t kMaxLine = 1 << 20;  ///< octets of a line, without its end

/// Lines end in LF; a CR before it is no part of the line.
class Lines {
 public:
  /// Called once for each line. `whole` is false for a line longer than the limit: then `line` is
  /// what it begins with.
  using Each = std::function<void(std::string_view line, bool whole)>;

  explicit Lines(Each each, std::size_t max_line = kMaxLine)
      : each_(std::move(each)), max_line_(max_line) {}

  void feed(std::string_view piece);

  /// The input is over: a last line without LF is a line.
  void finish();

 private:
  void end_line(std::string_view tail);

  Each each_;
  std::size_t max_line_;
  std::string begun_;  // a line of which more is to come; at most max_line_ + 1 octets of it
  bool long_ = false;  // its rest is being skipped
};

}  // namespace porpoise::addr
