#include "world.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace porpoise::fault {
namespace {

std::string failed(const char* act, const std::string& name) {
  return std::string(act) + " " + name + ": " + strerror(errno);
}

// Calls each(folder's descriptor, name) for everything in the folder; stops at the first text.
template <class Each>
std::string for_each(int folder, const Each& each) {
  const int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = own < 0 ? nullptr : fdopendir(own);
  if (dir == nullptr) return failed("reading", "a folder");
  std::string trouble;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    trouble = each(folder, name);
    if (!trouble.empty()) break;
  }
  closedir(dir);
  return trouble;
}

int open_folder(int at, const std::string& name) {
  return openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

std::string clear(int folder) {
  return for_each(folder, [](int at, const std::string& name) -> std::string {
    if (unlinkat(at, name.c_str(), 0) == 0) return {};
    if (errno != EISDIR) return failed("removing", name);
    const int inner = open_folder(at, name);
    if (inner < 0) return failed("opening", name);
    std::string trouble = clear(inner);
    close(inner);
    if (!trouble.empty()) return trouble;
    return unlinkat(at, name.c_str(), AT_REMOVEDIR) == 0 ? "" : failed("removing", name);
  });
}

std::string copy_file(int from, int to, const std::string& name, const struct stat& st) {
  const int in = openat(from, name.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC);
  const int out = openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool good = in >= 0 && out >= 0 && fchmod(out, st.st_mode & 07777) == 0;
  for (off_t left = st.st_size; good && left > 0;) {
    const ssize_t n = sendfile(out, in, nullptr, static_cast<std::size_t>(left));
    good = n > 0;
    left -= n;
  }
  std::string trouble = good ? "" : failed("copying", name);
  if (in >= 0) close(in);
  if (out >= 0) close(out);
  return trouble;
}

std::string copy_link(int from, int to, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t n = readlinkat(from, name.c_str(), target, sizeof target - 1);
  if (n < 0) return failed("reading", name);
  target[n] = '\0';
  return symlinkat(target, to, name.c_str()) == 0 ? "" : failed("making", name);
}

using Inode = std::pair<dev_t, ino_t>;

// The copies of files that have several names: their folder's descriptor is closed by the time of
// the second name, so by path.
struct Copies {
  std::string world;
  std::map<Inode, std::string> first;
};

std::string copy_folder(int from, int to, const std::string& at, Copies& copies);

std::string copy_inner(int from, int to, const std::string& name, const struct stat& st,
                       const std::string& at, Copies& copies) {
  if (mkdirat(to, name.c_str(), 0700) != 0) return failed("making", name);
  const int inner_from = open_folder(from, name);
  const int inner_to = open_folder(to, name);
  std::string trouble = inner_from < 0 || inner_to < 0
                            ? failed("opening", name)
                            : copy_folder(inner_from, inner_to, at + name + "/", copies);
  if (inner_to >= 0) (void)fchmod(inner_to, st.st_mode & 07777);
  if (inner_from >= 0) close(inner_from);
  if (inner_to >= 0) close(inner_to);
  return trouble;
}

// True: it is there already, under another name, and now under this one too.
bool is_known(const std::string& path, const struct stat& st, Copies& copies) {
  if (!S_ISREG(st.st_mode) || st.st_nlink == 1) return false;
  const auto [first, fresh] = copies.first.try_emplace(Inode{st.st_dev, st.st_ino}, path);
  return !fresh && link(first->second.c_str(), path.c_str()) == 0;
}

std::string copy_one(int from, int to, const std::string& name, const std::string& at,
                     Copies& copies) {
  struct stat st{};
  if (fstatat(from, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return failed("looking at", name);
  if (is_known(copies.world + "/" + at + name, st, copies)) return {};
  std::string trouble;
  if (S_ISDIR(st.st_mode)) {
    trouble = copy_inner(from, to, name, st, at, copies);
  } else if (S_ISLNK(st.st_mode)) {
    trouble = copy_link(from, to, name);
  } else if (S_ISREG(st.st_mode)) {
    trouble = copy_file(from, to, name, st);
  } else if (mknodat(to, name.c_str(), st.st_mode, 0) != 0) {
    trouble = failed("making", name);
  }
  if (geteuid() == 0) {
    (void)fchownat(to, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
  }
  const timespec times[] = {st.st_atim, st.st_mtim};
  (void)utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return trouble;
}

std::string copy_folder(int from, int to, const std::string& at, Copies& copies) {
  return for_each(from, [&](int folder, const std::string& name) {
    return copy_one(folder, to, name, at, copies);
  });
}

}  // namespace

std::string set_back(const std::string& pattern, const std::string& world) {
  (void)mkdir(world.c_str(), 0755);
  const int from = open_folder(AT_FDCWD, pattern);
  const int to = open_folder(AT_FDCWD, world);
  Copies copies{world, {}};
  std::string trouble = from < 0 || to < 0 ? failed("opening", from < 0 ? pattern : world) : "";
  if (trouble.empty()) trouble = clear(to);
  if (trouble.empty()) trouble = copy_folder(from, to, "", copies);
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  return trouble;
}

}  // namespace porpoise::fault
