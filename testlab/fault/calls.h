// The system calls that are points: where a run may be cut off or made to fail.

#pragma once

#include <span>
#include <string_view>

namespace porpoise::fault {

/// What a call is about; the lab (points.py) knows which errors fit which kind.
enum class Kind : unsigned char {
  open,        ///< opens a file that is there
  create,      ///< opens and makes, or empties
  read,        ///< from a descriptor
  write,       ///< to a descriptor
  sync,        ///< fsync and its kin
  name,        ///< makes a name: link, rename, mkdir, symlink
  remove,      ///< unlink, rmdir
  size,        ///< truncate, fallocate
  attribute,   ///< mode, owner, times
  close,       ///< of any descriptor
  descriptor,  ///< makes a descriptor that is no file: pipe, socket, memfd, dup
  process,     ///< fork and its kin
  exec,        ///< execve
  memory,      ///< mmap of no file, brk
  lock,        ///< fcntl locks, flock
  look,        ///< stat, getdents, chdir
  wait,        ///< poll, wait4, accept: what a signal interrupts
  clock,       ///< no point: answered by the tracer
  chance,      ///< no point: getrandom
  begin,       ///< no point: rt_sigaction, by which main() is seen to begin
};

struct Call {
  long number;
  const char* name;
  Kind kind;
  signed char fd = -1;    ///< which argument is the descriptor it is about, -1: none
  signed char path = -1;  ///< which argument is the path it is about (the new one), -1: none
};

std::span<const Call> calls();
const Call* find_call(long number);
const Call* find_call(std::string_view name);
const char* text(Kind kind);

/// Whether somebody else can see that the call has been made: a file, a folder, a process, a peer.
/// Where a tree is killed, nothing else is a point of its own.
bool changes_something(Kind kind);

}  // namespace porpoise::fault
