// The writing end of a session's descriptor.

#pragma once

#include <functional>
#include <string_view>

namespace porpoise::posix {

/// Writes to a socket, a pipe or a terminal that other processes may share: its flags stay as they
/// are, and yet no call blocks.
class Outlet {
 public:
  /// Waits until `fd` takes something, or is broken, which the next call will tell. False: it has
  /// waited long enough, or is to stop.
  using Wait = std::function<bool(int fd)>;

  /// `fd` is lent.
  explicit Outlet(int fd) : fd_(fd) {}

  /// Writes all of `text`; `wait` is asked each time that nothing more is taken. False: `wait` gave
  /// up, or the other end is gone; how much of the text went is not known then.
  bool send(std::string_view text, const Wait& wait);

 private:
  bool send_some(std::string_view& text, const Wait& wait);

  int fd_;
  bool is_socket_ = true;  // until a send() tells otherwise
};

}  // namespace porpoise::posix
