// One buffered writer whose errors are seen.

#pragma once

#include <string>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::posix {

/// Collects text and writes it to `fd` (lent) in large pieces. After the first failure nothing
/// more is written and flush() tells it. What is not flushed is lost: call flush().
class Writer {
 public:
  Writer(int fd, std::string what) : fd_(fd), what_(std::move(what)) { room_.reserve(kRoom); }

  void put(std::string_view text);
  [[nodiscard]] Result<> flush();

  /// False once a write failed: no use going on.
  bool good() const { return done_.has_value(); }

 private:
  static constexpr std::size_t kRoom = 65536;
  int fd_;
  std::string what_;
  std::string room_;
  Result<> done_;
};

}  // namespace porpoise::posix
