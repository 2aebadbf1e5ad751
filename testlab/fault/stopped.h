// A thread that has stopped at the entry of a system call: its registers, memory and files.
// x86-64 only, as is everything that knows registers here.

#pragma once

#include <cstddef>
#include <string>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/user.h>

#include "calls.h"

namespace porpoise::fault {

class Stopped {
 public:
  explicit Stopped(pid_t pid);

  pid_t pid() const { return pid_; }
  long number() const { return static_cast<long>(registers_.orig_rax); }
  unsigned long long argument(int index) const;
  unsigned long long stack() const { return registers_.rsp; }
  long result() const { return static_cast<long>(registers_.rax); }
  void set_argument(int index, unsigned long long value);

  /// The call is not made; it answers this (below zero: an errno).
  void answer(long result);
  /// At the exit of a call: what it answers.
  void set_result(long result);

  std::string string_at(unsigned long long address) const;
  bool read_memory(unsigned long long address, void* room, std::size_t octets) const;
  bool write_memory(unsigned long long address, const void* octets, std::size_t size) const;

  /// "/proc/PID/fd/N" for a descriptor of the process; "/proc/PID/cwd" for AT_FDCWD.
  std::string descriptor_path(int fd) const;
  bool stat_descriptor(int fd, struct stat& st) const;
  /// What the descriptor is: a path, "pipe", "socket", "memfd", ...
  std::string describe_descriptor(int fd) const;
  /// The path that a call is about, absolute, by its folder's descriptor if it has one.
  std::string path_of(const Call& call) const;

 private:
  pid_t pid_;
  user_regs_struct registers_{};
};

/// What the call really is: a create rather than an open, a lock rather than any fcntl; nullptr
/// where it is no point (mmap of a file, fcntl without a lock).
const Call* find_point(const Stopped& at, Call& room);

}  // namespace porpoise::fault
