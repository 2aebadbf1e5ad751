// Has this message been here before? Looks for one exact line in the header. Pure.

#pragma once

#include <string>
#include <string_view>

namespace porpoise::local {

/// Fed the message in pieces of any size; holds no more of it than the line that is looked for.
class LoopScan {
 public:
  /// `line` with its LF; compared octet by octet.
  explicit LoopScan(std::string line) : line_(std::move(line)) {}

  void feed(std::string_view piece);

  bool found() const { return found_; }
  /// Found, or the empty line that ends the header was read: no need to feed more.
  bool done() const { return found_ || header_ended_; }

 private:
  void end_line();

  std::string line_;
  std::size_t length_ = 0;  // octets of the present line so far
  bool same_ = true;        // whether they are those of line_
  bool found_ = false;
  bool header_ended_ = false;
};

}  // namespace porpoise::local
