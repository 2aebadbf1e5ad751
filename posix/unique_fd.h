// A file descriptor with one owner. Own a UniqueFd; lend a plain int.

#pragma once

#include <unistd.h>
#include <utility>

namespace porpoise::posix {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

  /// Closes what it held. Where the result of close() matters (after writing), call sync first.
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

  /// 0 is a fine descriptor: ask open().
  explicit operator bool() const = delete;

 private:
  int fd_ = -1;
};

}  // namespace porpoise::posix
