#include "losses.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <limits>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace porpoise::fault {
namespace {

std::pair<dev_t, ino_t> inode_of(const struct stat& st) {
  return {st.st_dev, st.st_ino};
}

off_t position_of(const Stopped& at, int fd, const struct stat& st) {
  char room[256];
  const std::string path = "/proc/" + std::to_string(at.pid()) + "/fdinfo/" + std::to_string(fd);
  const int info = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t n = info < 0 ? -1 : read(info, room, sizeof room - 1);
  if (info >= 0) close(info);
  if (n <= 0) return 0;
  room[n] = '\0';
  long long position = 0;
  unsigned flags = 0;
  if (sscanf(room, "pos: %lld flags: %o", &position, &flags) != 2) return 0;
  return (flags & O_APPEND) != 0 ? st.st_size : position;
}

// Octets of a file that a call writes, or cuts off. Where the length is not plain to see, up to the
// end of all files.
std::pair<off_t, off_t> written(const Stopped& at, const Call& call, const struct stat& st) {
  constexpr off_t kEnd = std::numeric_limits<off_t>::max();
  const int fd = static_cast<int>(at.argument(call.fd));
  switch (at.number()) {
    case SYS_ftruncate:
      return {static_cast<off_t>(at.argument(1)), kEnd};
    case SYS_fallocate:
      return {kEnd, kEnd};
    case SYS_pwrite64: {
      const auto from = static_cast<off_t>(at.argument(3));
      return {from, from + static_cast<off_t>(at.argument(2))};
    }
    case SYS_write: {
      const off_t from = position_of(at, fd, st);
      return {from, from + static_cast<off_t>(at.argument(2))};
    }
    case SYS_pwritev:
      return {static_cast<off_t>(at.argument(3)), kEnd};
    case SYS_copy_file_range:
      return {0, kEnd};
    default:
      return {position_of(at, fd, st), kEnd};
  }
}

// True: there was something to lose.
bool write_zeros(int fd, off_t from, off_t to) {
  const char zeros[4096] = {};
  struct stat st{};
  if (fd < 0 || fstat(fd, &st) != 0) return false;
  to = std::min(to, st.st_size);
  for (off_t at = from; at < to;) {
    const auto size = std::min<std::size_t>(sizeof zeros, static_cast<std::size_t>(to - at));
    const ssize_t n = pwrite(fd, zeros, size, at);
    if (n <= 0) return false;
    at += n;
  }
  return from < to;
}

}  // namespace

void Losses::at_call(const Stopped& at, const Call& call) {
  if (call.kind == Kind::name || call.kind == Kind::create) note_name(at, call);
  if (call.kind == Kind::write || call.kind == Kind::size) note_write(at, call);
  if (call.kind == Kind::sync) note_sync(at, call);
}

void Losses::note_name(const Stopped& at, const Call& call) {
  const std::string path = at.path_of(call);
  struct stat st{};
  // A name that is there already is not made, but by rename, whose loss would bring back the old
  // one: that is the crash layer's to try.
  if (path.empty() || lstat(path.c_str(), &st) == 0) return;
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  if (stat(folder.c_str(), &st) != 0) return;
  unsynced_[inode_of(st)].insert(path);
  names_.erase(path);
}

void Losses::cut(std::vector<Range>& ranges, const Range& out) {
  std::vector<Range> rest;
  for (const Range& range : ranges) {
    if (range.from < out.from) rest.push_back({range.from, std::min(range.to, out.from)});
    if (range.to > out.to) rest.push_back({std::max(range.from, out.to), range.to});
  }
  ranges = std::move(rest);
}

// What is written again, or cut off, is not lost any more: it is new, and the next sync's to save.
void Losses::note_write(const Stopped& at, const Call& call) {
  struct stat st{};
  if (call.fd < 0 || !at.stat_descriptor(static_cast<int>(at.argument(call.fd)), st)) return;
  if (!S_ISREG(st.st_mode)) return;
  const auto [from, to] = written(at, call, st);
  std::vector<Range>& dirty = dirty_[inode_of(st)];
  cut(dirty, {from, to});
  if (call.kind == Kind::write) dirty.push_back({from, to});
  const auto lost = files_.find(inode_of(st));
  if (lost != files_.end()) cut(lost->second.ranges, {from, to});
}

void Losses::note_sync(const Stopped& at, const Call& call) {
  struct stat st{};
  if (!at.stat_descriptor(static_cast<int>(at.argument(call.fd)), st)) return;
  if (S_ISDIR(st.st_mode)) unsynced_.erase(inode_of(st));
  if (S_ISREG(st.st_mode)) dirty_.erase(inode_of(st));
}

void Losses::at_failure(const Stopped& at, const Call& call) {
  struct stat st{};
  const int fd = static_cast<int>(at.argument(call.fd));
  if (!at.stat_descriptor(fd, st)) return;
  if (S_ISDIR(st.st_mode) && call.kind == Kind::sync) {
    names_.merge(unsynced_[inode_of(st)]);
    unsynced_.erase(inode_of(st));
  }
  const auto dirty = dirty_.find(inode_of(st));
  if (!S_ISREG(st.st_mode) || dirty == dirty_.end()) return;
  const auto [lost, fresh] = files_.try_emplace(inode_of(st), Lost{-1, {}});
  if (fresh) lost->second.fd = open(at.descriptor_path(fd).c_str(), O_WRONLY | O_CLOEXEC);
  std::ranges::move(dirty->second, std::back_inserter(lost->second.ranges));
  dirty_.erase(dirty);  // as the kernel has it from now on: clean
}

int Losses::apply() {
  int lost = 0;
  for (const auto& [inode, file] : files_) {
    bool any = false;
    for (const Range& range : file.ranges) any |= write_zeros(file.fd, range.from, range.to);
    lost += any;
    if (file.fd >= 0) close(file.fd);
  }
  for (const std::string& name : names_) {
    std::error_code ignored;
    lost += std::filesystem::remove_all(name, ignored) > 0;
  }
  files_.clear();
  names_.clear();
  return lost;
}

}  // namespace porpoise::fault
