#include "losses.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace porpoise::fault {
namespace {

std::pair<dev_t, ino_t> inode_of(const struct stat& st) {
  return {st.st_dev, st.st_ino};
}

void write_zeros(int fd, off_t from, off_t to) {
  const char zeros[4096] = {};
  while (from < to) {
    const auto size = std::min<std::size_t>(sizeof zeros, static_cast<std::size_t>(to - from));
    const ssize_t n = pwrite(fd, zeros, size, from);
    if (n <= 0) return;
    from += n;
  }
}

}  // namespace

void Losses::at_call(const Stopped& at, const Call& call) {
  if (call.kind == Kind::name || call.kind == Kind::create) note_name(at, call);
  if (call.kind == Kind::write || call.kind == Kind::size) note_size(at, call);
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

void Losses::note_size(const Stopped& at, const Call& call) {
  struct stat st{};
  if (call.fd < 0 || !at.stat_descriptor(static_cast<int>(at.argument(call.fd)), st)) return;
  if (S_ISREG(st.st_mode)) synced_.try_emplace(inode_of(st), st.st_size);
}

void Losses::note_sync(const Stopped& at, const Call& call) {
  struct stat st{};
  if (!at.stat_descriptor(static_cast<int>(at.argument(call.fd)), st)) return;
  if (S_ISDIR(st.st_mode)) unsynced_.erase(inode_of(st));
  if (S_ISREG(st.st_mode)) synced_[inode_of(st)] = st.st_size;
}

void Losses::at_failure(const Stopped& at, const Call& call) {
  struct stat st{};
  const int fd = static_cast<int>(at.argument(call.fd));
  if (!at.stat_descriptor(fd, st)) return;
  if (S_ISDIR(st.st_mode) && call.kind == Kind::sync) {
    names_.merge(unsynced_[inode_of(st)]);
    unsynced_.erase(inode_of(st));
  }
  const auto synced = synced_.find(inode_of(st));
  if (!S_ISREG(st.st_mode) || synced == synced_.end() || synced->second >= st.st_size) return;
  const int kept = open(at.descriptor_path(fd).c_str(), O_WRONLY | O_CLOEXEC);
  if (kept >= 0) files_.push_back({kept, synced->second, st.st_size});
  synced->second = st.st_size;  // as the kernel has it from now on: clean
}

int Losses::apply() {
  int lost = 0;
  for (const Lost& file : files_) {
    write_zeros(file.fd, file.from, file.to);
    close(file.fd);
    ++lost;
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
