// For tests: counts, records and fails the system calls that durability rests on. The functions
// here stand before libc's in a test program, and in no other.

#pragma once

#include <cerrno>
#include <cstdarg>
#include <fcntl.h>
#include <map>
#include <stdio.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace porpoise::posix::test_calls {

struct Calls {
  std::vector<std::string> log;  ///< "fsync", "linkat", ... in order
  struct Failure {
    int on = 0;  ///< the call of that name, from 1, that fails; 0: every one
    int err = 0;
  };
  std::map<std::string, Failure> failures;

  int count(const std::string& name) const {
    int n = 0;
    for (const std::string& entry : log) n += entry == name;
    return n;
  }
  void fail(const std::string& name, int err, int on = 0) { failures[name] = {on, err}; }

  /// Records it; the errno to fail with, or 0.
  int enter(const std::string& name) {
    log.push_back(name);
    const auto failure = failures.find(name);
    if (failure == failures.end()) return 0;
    return failure->second.on == 0 || failure->second.on == count(name) ? failure->second.err : 0;
  }
};

/// The one that listens, if any.
inline Calls* current = nullptr;

/// Listens while it lives.
class Scope : public Calls {
 public:
  Scope() { current = this; }
  ~Scope() { current = nullptr; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
};

inline bool fails(const char* name) {
  const int err = current == nullptr ? 0 : current->enter(name);
  if (err != 0) errno = err;
  return err != 0;
}

}  // namespace porpoise::posix::test_calls

// Weak, since each file of a test program has them. The sanitizers' own write() and pwrite() are
// weak too and come first: one file of a program that fails those defines this before including.
#ifdef PORPOISE_STRONG_TEST_CALLS
#define PORPOISE_TEST_CALL
#else
#define PORPOISE_TEST_CALL __attribute__((weak))
#endif

extern "C" {

/// Without its cost: no unit test loses power, and thousands of them would wait for the disk.
PORPOISE_TEST_CALL int fsync(int fd) {
  if (porpoise::posix::test_calls::fails("fsync")) return -1;
  return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

PORPOISE_TEST_CALL int ftruncate(int fd, off_t length) noexcept {
  if (porpoise::posix::test_calls::fails("ftruncate")) return -1;
  return static_cast<int>(syscall(SYS_ftruncate, fd, length));
}

PORPOISE_TEST_CALL int fallocate(int fd, int mode, off_t from, off_t octets) {
  if (porpoise::posix::test_calls::fails("fallocate")) return -1;
  return static_cast<int>(syscall(SYS_fallocate, fd, mode, from, octets));
}

PORPOISE_TEST_CALL int renameat(int from_at, const char* from, int to_at, const char* to) noexcept {
  if (porpoise::posix::test_calls::fails("renameat")) return -1;
  return static_cast<int>(syscall(SYS_renameat, from_at, from, to_at, to));
}

PORPOISE_TEST_CALL int linkat(int from_at, const char* from, int to_at, const char* to,
                              int flags) noexcept {
  if (porpoise::posix::test_calls::fails("linkat")) return -1;
  return static_cast<int>(syscall(SYS_linkat, from_at, from, to_at, to, flags));
}

PORPOISE_TEST_CALL int unlinkat(int at, const char* name, int flags) noexcept {
  if (porpoise::posix::test_calls::fails("unlinkat")) return -1;
  return static_cast<int>(syscall(SYS_unlinkat, at, name, flags));
}

PORPOISE_TEST_CALL int fstatat(int at, const char* name, struct stat* st, int flags) noexcept {
  if (porpoise::posix::test_calls::fails("fstatat")) return -1;
  return static_cast<int>(syscall(SYS_newfstatat, at, name, st, flags));
}

/// O_TMPFILE has the name of its own "tmpfile".
PORPOISE_TEST_CALL int openat(int at, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = va_arg(rest, mode_t);
  va_end(rest);
  const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
  if (porpoise::posix::test_calls::fails(unnamed ? "tmpfile" : "openat")) return -1;
  return static_cast<int>(syscall(SYS_openat, at, path, flags, mode));
}

PORPOISE_TEST_CALL ssize_t write(int fd, const void* octets, size_t count) {
  if (porpoise::posix::test_calls::fails("write")) return -1;
  return syscall(SYS_write, fd, octets, count);
}

PORPOISE_TEST_CALL ssize_t pwrite(int fd, const void* octets, size_t count, off_t offset) {
  if (porpoise::posix::test_calls::fails("pwrite")) return -1;
  return syscall(SYS_pwrite64, fd, octets, count, offset);
}

}  // extern "C"
