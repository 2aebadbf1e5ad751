#include "stopped.h"

#include <algorithm>
#include <climits>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace porpoise::fault {
namespace {

unsigned long long user_regs_struct::* const kArguments[] = {
    &user_regs_struct::rdi, &user_regs_struct::rsi, &user_regs_struct::rdx,
    &user_regs_struct::r10, &user_regs_struct::r8,  &user_regs_struct::r9};

std::string read_link(const std::string& path) {
  char room[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), room, sizeof room);
  return n < 0 ? std::string() : std::string(room, static_cast<std::size_t>(n));
}

bool makes_or_empties(unsigned long long flags) {
  return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

bool is_lock(unsigned long long command) {
  return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
         command == F_OFD_SETLKW;
}

}  // namespace

Stopped::Stopped(pid_t pid) : pid_(pid) {
  ptrace(PTRACE_GETREGS, pid, nullptr, &registers_);
}

unsigned long long Stopped::argument(int index) const {
  return registers_.*kArguments[index];
}

void Stopped::set_argument(int index, unsigned long long value) {
  registers_.*kArguments[index] = value;
  ptrace(PTRACE_SETREGS, pid_, nullptr, &registers_);
}

void Stopped::answer(long result) {
  registers_.orig_rax = static_cast<unsigned long long>(-1);
  set_result(result);
}

void Stopped::set_result(long result) {
  registers_.rax = static_cast<unsigned long long>(result);
  ptrace(PTRACE_SETREGS, pid_, nullptr, &registers_);
}

// Addresses of the other process are numbers here, which these two calls want as pointers.
// NOLINTBEGIN(performance-no-int-to-ptr)
bool Stopped::read_memory(unsigned long long address, void* room, std::size_t octets) const {
  iovec here{room, octets};
  iovec there{reinterpret_cast<void*>(address), octets};
  return process_vm_readv(pid_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(octets);
}

bool Stopped::write_memory(unsigned long long address, const void* octets, std::size_t size) const {
  iovec here{const_cast<void*>(octets), size};
  iovec there{reinterpret_cast<void*>(address), size};
  return process_vm_writev(pid_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}
// NOLINTEND(performance-no-int-to-ptr)

// Piece by piece up to page ends, since what lies behind the string may not be mapped.
std::string Stopped::string_at(unsigned long long address) const {
  constexpr unsigned long long kPage = 4096;
  std::string text;
  while (text.size() < PATH_MAX) {
    char room[kPage];
    const auto size = std::min<std::size_t>(256, kPage - address % kPage);
    if (!read_memory(address, room, size)) return text;
    char* const end = std::find(room, room + size, '\0');
    text.append(room, end);
    if (end != room + size) return text;
    address += size;
  }
  return text;
}

std::string Stopped::descriptor_path(int fd) const {
  const std::string process = "/proc/" + std::to_string(pid_);
  return fd == AT_FDCWD ? process + "/cwd" : process + "/fd/" + std::to_string(fd);
}

bool Stopped::stat_descriptor(int fd, struct stat& st) const {
  return stat(descriptor_path(fd).c_str(), &st) == 0;
}

std::string Stopped::describe_descriptor(int fd) const {
  std::string target = read_link(descriptor_path(fd));
  for (const char* kind : {"pipe:", "socket:", "anon_inode:", "/memfd:"}) {
    if (target.starts_with(kind))
      return kind[0] == '/' ? "memfd" : target.substr(0, target.find(':'));
  }
  return target;
}

std::string Stopped::path_of(const Call& call) const {
  if (call.path < 0) return {};
  std::string path = string_at(argument(call.path));
  if (path.starts_with('/')) return path;
  const int folder = call.fd < 0 ? AT_FDCWD : static_cast<int>(argument(call.fd));
  std::string at = read_link(descriptor_path(folder));
  return path.empty() ? at : at + "/" + path;
}

const Call* find_point(const Stopped& at, Call& room) {
  const Call* call = find_call(at.number());
  if (call == nullptr) return nullptr;
  room = *call;
  switch (at.number()) {
    case SYS_openat:
      if (makes_or_empties(at.argument(2))) room.kind = Kind::create;
      break;
    case SYS_open:
      if (makes_or_empties(at.argument(1))) room.kind = Kind::create;
      break;
    case SYS_mmap:
      if ((at.argument(3) & MAP_ANONYMOUS) == 0) return nullptr;
      break;
    case SYS_brk:
      if (at.argument(0) == 0) return nullptr;
      break;
    case SYS_fcntl:
      if (at.argument(1) == F_DUPFD || at.argument(1) == F_DUPFD_CLOEXEC) {
        room.kind = Kind::descriptor;
      } else if (!is_lock(at.argument(1))) {
        return nullptr;
      }
      break;
    default:
      break;
  }
  return &room;
}

}  // namespace porpoise::fault
