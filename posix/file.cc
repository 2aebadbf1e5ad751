#include "posix/file.h"

#include <climits>
#include <dirent.h>
#include <memory>

#include "posix/error.h"

namespace porpoise::posix {

Result<UniqueFd> open_at(int at, const std::string& path, int flags, mode_t mode) {
  int fd;
  do {
    fd = ::openat(at, path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return system_error(errno, fmt::format("opening {}", path));
  return UniqueFd(fd);
}

Result<UniqueFd> open_folder(int at, const std::string& path) {
  return open_at(at, path, O_RDONLY | O_DIRECTORY);
}

Result<UniqueFd> open_folder_long(const std::string& path) {
  if (path.size() < PATH_MAX) return open_folder(kHere, path);
  Result<UniqueFd> at = open_folder(kHere, path.starts_with('/') ? "/" : ".");
  for (std::size_t from = 0; at && from < path.size();) {
    const std::size_t to = std::min(path.find('/', from), path.size());
    if (to > from) at = open_folder(at->get(), path.substr(from, to - from));
    from = to + 1;
  }
  return at;
}

Result<UniqueFd> duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return trouble(errno, "duplicating a descriptor");
  return UniqueFd(copy);
}

Result<std::size_t> read_some(int fd, std::span<char> room, std::string_view what) {
  ssize_t n;
  do {
    n = ::read(fd, room.data(), room.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return system_error(errno, fmt::format("reading {}", what));
  return static_cast<std::size_t>(n);
}

Result<std::size_t> read_at(int fd, std::span<char> room, off_t offset, std::string_view what) {
  std::size_t have = 0;
  while (have < room.size()) {
    const ssize_t n =
        ::pread(fd, room.data() + have, room.size() - have, offset + static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, fmt::format("reading {}", what));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Result<> write_all(int fd, std::string_view text, std::string_view what) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, fmt::format("writing {}", what));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<> write_at(int fd, std::string_view text, off_t offset, std::string_view what) {
  while (!text.empty()) {
    const ssize_t n = ::pwrite(fd, text.data(), text.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, fmt::format("writing {}", what));
    text.remove_prefix(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

Result<std::string> read_to_end(int fd, std::size_t max_octets, std::string_view what) {
  std::string text;
  char room[16384];
  for (;;) {
    Result<std::size_t> n = read_some(fd, room, what);
    if (!n) return failed(n);
    if (*n == 0) return text;
    if (text.size() + *n > max_octets) {
      return permanent("reading {}: longer than {} octets", what, max_octets);
    }
    text.append(room, *n);
  }
}

Result<std::string> read_file(int at, const std::string& path, std::size_t max_octets) {
  Result<UniqueFd> fd = open_at(at, path, O_RDONLY | O_NONBLOCK);
  if (!fd) return failed(fd);
  Result<struct stat> st = stat_of(fd->get(), path);
  if (!st) return failed(st);
  if (!S_ISREG(st->st_mode)) {
    return tl::make_unexpected(
        Error{Fate::permanent, fmt::format("reading {}: not a regular file", path), EINVAL});
  }
  return read_to_end(fd->get(), max_octets, path);
}

Result<> sync(int fd, std::string_view what) {
  int done;
  do {
    done = ::fsync(fd);
  } while (done != 0 && errno == EINTR);  // EINTR: it has not begun, so nothing was lost
  if (done != 0) return trouble(errno, fmt::format("syncing {}", what));
  return {};
}

Result<> make_folder(int at, const std::string& path, mode_t mode) {
  if (::mkdirat(at, path.c_str(), mode) != 0) {
    return system_error(errno, fmt::format("making folder {}", path));
  }
  return {};
}

Result<> remove_file(int at, const std::string& path) {
  if (::unlinkat(at, path.c_str(), 0) != 0) {
    return system_error(errno, fmt::format("removing {}", path));
  }
  return {};
}

Result<struct stat> stat_of(int fd, std::string_view what) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return system_error(errno, fmt::format("looking at {}", what));
  return st;
}

Result<> for_each_name(int folder, std::string_view what,
                       const std::function<bool(const char* name)>& each) {
  // A new open file, since readdir moves an offset that a duplicate would share.
  Result<UniqueFd> own = open_folder(folder, ".");
  if (!own) return system_error(own.error().sys, fmt::format("opening folder {}", what));
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(own->get()), ::closedir);
  if (!dir) return trouble(errno, fmt::format("reading folder {}", what));
  own->release();
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) {
      if (errno != 0) return trouble(errno, fmt::format("reading folder {}", what));
      return {};
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (!each(entry->d_name)) return {};
  }
}

Result<> replace_file(int at, const std::string& name, std::string_view text, mode_t mode) {
  const std::string temporary_name = fmt::format("{}.tmp.{}", name, ::getpid());
  (void)::unlinkat(at, temporary_name.c_str(), 0);
  Result<UniqueFd> fd = open_at(at, temporary_name, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!fd) return failed(fd);
  Result<> done = write_all(fd->get(), text, temporary_name);
  if (done && ::fchmod(fd->get(), mode) != 0) {
    done = trouble(errno, fmt::format("setting the mode of {}", temporary_name));
  }
  if (done) done = sync(fd->get(), temporary_name);
  if (done && ::renameat(at, temporary_name.c_str(), at, name.c_str()) != 0) {
    done = system_error(errno, fmt::format("renaming {} to {}", temporary_name, name));
  }
  if (!done) {
    (void)::unlinkat(at, temporary_name.c_str(), 0);
    return done;
  }
  Result<UniqueFd> folder = open_folder(at, ".");
  if (!folder) return failed(folder);
  return sync(folder->get(), fmt::format("the folder of {}", name));
}

}  // namespace porpoise::posix
