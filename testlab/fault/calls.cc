#include "calls.h"

#include <algorithm>
#include <sys/syscall.h>

namespace porpoise::fault {
namespace {

constexpr Call kCalls[] = {
    {SYS_open, "open", Kind::open, -1, 0},
    {SYS_openat, "openat", Kind::open, 0, 1},
    {SYS_openat2, "openat2", Kind::open, 0, 1},
    {SYS_creat, "creat", Kind::create, -1, 0},
    {SYS_read, "read", Kind::read, 0},
    {SYS_pread64, "pread64", Kind::read, 0},
    {SYS_readv, "readv", Kind::read, 0},
    {SYS_recvfrom, "recvfrom", Kind::read, 0},
    {SYS_recvmsg, "recvmsg", Kind::read, 0},
    {SYS_write, "write", Kind::write, 0},
    {SYS_pwrite64, "pwrite64", Kind::write, 0},
    {SYS_writev, "writev", Kind::write, 0},
    {SYS_pwritev, "pwritev", Kind::write, 0},
    {SYS_sendto, "sendto", Kind::write, 0},
    {SYS_sendmsg, "sendmsg", Kind::write, 0},
    {SYS_sendfile, "sendfile", Kind::write, 0},
    {SYS_copy_file_range, "copy_file_range", Kind::write, 2},
    {SYS_splice, "splice", Kind::write, 2},
    {SYS_fsync, "fsync", Kind::sync, 0},
    {SYS_fdatasync, "fdatasync", Kind::sync, 0},
    {SYS_syncfs, "syncfs", Kind::sync, 0},
    {SYS_sync_file_range, "sync_file_range", Kind::sync, 0},
    {SYS_rename, "rename", Kind::name, -1, 1},
    {SYS_renameat, "renameat", Kind::name, 2, 3},
    {SYS_renameat2, "renameat2", Kind::name, 2, 3},
    {SYS_link, "link", Kind::name, -1, 1},
    {SYS_linkat, "linkat", Kind::name, 2, 3},
    {SYS_symlink, "symlink", Kind::name, -1, 1},
    {SYS_symlinkat, "symlinkat", Kind::name, 1, 2},
    {SYS_mkdir, "mkdir", Kind::name, -1, 0},
    {SYS_mkdirat, "mkdirat", Kind::name, 0, 1},
    {SYS_mknod, "mknod", Kind::name, -1, 0},
    {SYS_mknodat, "mknodat", Kind::name, 0, 1},
    {SYS_bind, "bind", Kind::name},
    {SYS_unlink, "unlink", Kind::remove, -1, 0},
    {SYS_unlinkat, "unlinkat", Kind::remove, 0, 1},
    {SYS_rmdir, "rmdir", Kind::remove, -1, 0},
    {SYS_truncate, "truncate", Kind::size, -1, 0},
    {SYS_ftruncate, "ftruncate", Kind::size, 0},
    {SYS_fallocate, "fallocate", Kind::size, 0},
    {SYS_fchmod, "fchmod", Kind::attribute, 0},
    {SYS_fchmodat, "fchmodat", Kind::attribute, 0, 1},
    {SYS_chmod, "chmod", Kind::attribute, -1, 0},
    {SYS_fchown, "fchown", Kind::attribute, 0},
    {SYS_utimensat, "utimensat", Kind::attribute, 0, 1},
    {SYS_close, "close", Kind::close, 0},
    {SYS_pipe, "pipe", Kind::descriptor},
    {SYS_pipe2, "pipe2", Kind::descriptor},
    {SYS_socket, "socket", Kind::descriptor},
    {SYS_socketpair, "socketpair", Kind::descriptor},
    {SYS_memfd_create, "memfd_create", Kind::descriptor},
    {SYS_dup, "dup", Kind::descriptor, 0},
    {SYS_eventfd2, "eventfd2", Kind::descriptor},
    {SYS_epoll_create1, "epoll_create1", Kind::descriptor},
    {SYS_timerfd_create, "timerfd_create", Kind::descriptor},
    {SYS_signalfd4, "signalfd4", Kind::descriptor},
    {SYS_inotify_init1, "inotify_init1", Kind::descriptor},
    {SYS_pidfd_open, "pidfd_open", Kind::descriptor},
    {SYS_fork, "fork", Kind::process},
    {SYS_vfork, "vfork", Kind::process},
    {SYS_clone, "clone", Kind::process},
    {SYS_clone3, "clone3", Kind::process},
    {SYS_execve, "execve", Kind::exec, -1, 0},
    {SYS_mmap, "mmap", Kind::memory},
    {SYS_mremap, "mremap", Kind::memory},
    {SYS_brk, "brk", Kind::memory},
    {SYS_fcntl, "fcntl", Kind::lock, 0},
    {SYS_flock, "flock", Kind::lock, 0},
    {SYS_stat, "stat", Kind::look, -1, 0},
    {SYS_lstat, "lstat", Kind::look, -1, 0},
    {SYS_fstat, "fstat", Kind::look, 0},
    {SYS_newfstatat, "newfstatat", Kind::look, 0, 1},
    {SYS_statx, "statx", Kind::look, 0, 1},
    {SYS_access, "access", Kind::look, -1, 0},
    {SYS_faccessat, "faccessat", Kind::look, 0, 1},
    {SYS_faccessat2, "faccessat2", Kind::look, 0, 1},
    {SYS_readlink, "readlink", Kind::look, -1, 0},
    {SYS_readlinkat, "readlinkat", Kind::look, 0, 1},
    {SYS_getdents64, "getdents64", Kind::look, 0},
    {SYS_statfs, "statfs", Kind::look, -1, 0},
    {SYS_fstatfs, "fstatfs", Kind::look, 0},
    {SYS_chdir, "chdir", Kind::look, -1, 0},
    {SYS_fchdir, "fchdir", Kind::look, 0},
    {SYS_poll, "poll", Kind::wait},
    {SYS_ppoll, "ppoll", Kind::wait},
    {SYS_select, "select", Kind::wait},
    {SYS_pselect6, "pselect6", Kind::wait},
    {SYS_epoll_wait, "epoll_wait", Kind::wait},
    {SYS_epoll_pwait, "epoll_pwait", Kind::wait},
    {SYS_accept, "accept", Kind::wait, 0},
    {SYS_accept4, "accept4", Kind::wait, 0},
    {SYS_connect, "connect", Kind::wait, 0},
    {SYS_wait4, "wait4", Kind::wait},
    {SYS_waitid, "waitid", Kind::wait},
    {SYS_clock_gettime, "clock_gettime", Kind::clock},
    {SYS_gettimeofday, "gettimeofday", Kind::clock},
    {SYS_time, "time", Kind::clock},
    {SYS_getrandom, "getrandom", Kind::chance},
    {SYS_rt_sigaction, "rt_sigaction", Kind::begin},
};

constexpr const char* kKinds[] = {"open",       "create",  "read",  "write",     "sync",
                                  "name",       "remove",  "size",  "attribute", "close",
                                  "descriptor", "process", "exec",  "memory",    "lock",
                                  "look",       "wait",    "clock", "chance",    "begin"};

}  // namespace

std::span<const Call> calls() {
  return kCalls;
}

const Call* find_call(long number) {
  const auto* found =
      std::ranges::find_if(kCalls, [number](const Call& call) { return call.number == number; });
  return found == std::end(kCalls) ? nullptr : found;
}

const Call* find_call(std::string_view name) {
  const auto* found =
      std::ranges::find_if(kCalls, [name](const Call& call) { return call.name == name; });
  return found == std::end(kCalls) ? nullptr : found;
}

const char* text(Kind kind) {
  return kKinds[static_cast<unsigned>(kind)];
}

bool changes_something(Kind kind) {
  switch (kind) {
    case Kind::create:
    case Kind::write:
    case Kind::sync:
    case Kind::name:
    case Kind::remove:
    case Kind::size:
    case Kind::attribute:
    case Kind::process:
    case Kind::exec:
      return true;
    default:
      return false;
  }
}

}  // namespace porpoise::fault
