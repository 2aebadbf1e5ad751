// Bugs on purpose: the lab must find each of them, or it proves nothing. Linked into the real
// programs with the linker's --wrap, so that their own code stays as it is; which bug it is, the
// name of the folder says that the running program lies in: ".../plant-NAME/queue".
//
//   no-file-sync          no file is synced
//   no-folder-sync        no folder is synced
//   link-before-sync      a file gets its name first and is synced then
//   rename-to-move        mail is moved between folders by rename
//   early-acknowledge     the queue's door says yes, and syncs a moment later
//   early-success         a delivery says yes, and the Maildir is synced a moment later
//   sync-again            a sync that failed is tried again and believed
//   link-error-ignored    a link that failed is taken for made
//   write-error-ignored   a write that failed is taken for done
//   short-write-believed  a write that wrote a part is taken for whole
//   old-mail-removed      what has become old by the clock is not kept for later, but removed
//   throws                writing a new file throws what nobody expects
//   named-too-early       a message gets its name in a Maildir before its last half is written

#include <fcntl.h>
#include <stdexcept>
#include <stdio.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// The names are those that ld's --wrap asks for.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
int __real_fsync(int fd);
int __real_linkat(int from, const char* name, int to, const char* target, int flags);
ssize_t __real_write(int fd, const void* octets, size_t size);
ssize_t __wrap_write(int fd, const void* octets, size_t size);
int __wrap_fsync(int fd);
int __wrap_linkat(int from, const char* name, int to, const char* target, int flags);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace {

constexpr useconds_t kAMoment = 40'000;

std::string path_of(const std::string& link) {
  char room[4096];
  const ssize_t n = ::readlink(link.c_str(), room, sizeof room);
  return n < 0 ? std::string() : std::string(room, static_cast<std::size_t>(n));
}

std::string path_of(int fd) {
  return path_of("/proc/self/fd/" + std::to_string(fd));
}

bool planted(std::string_view bug) {
  static const std::string self = path_of("/proc/self/exe");
  return self.find("/plant-" + std::string(bug) + "/") != std::string::npos;
}

bool is_folder(int fd) {
  struct stat st;
  return ::fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

bool holds(const std::string& path, std::string_view part) {
  return path.find(part) != std::string::npos;
}

// The caller goes on as if it were done.
int sync_later(int fd) {
  if (::fork() != 0) return 0;
  ::setsid();
  for (int i = 0; i < 3; ++i) ::close(i);
  ::usleep(kAMoment);
  ::_exit(__real_fsync(fd) == 0 ? 0 : 1);
}

int unsynced = -1;   // link-before-sync: the file that waits for its name
int unwritten = -1;  // named-too-early: the file that waits for `held`
std::string held;

void write_held() {
  const int fd = unwritten;
  unwritten = -1;
  if (fd >= 0) (void)__real_write(fd, held.data(), held.size());
}

bool is_new_file(const std::string& path) {
  return holds(path, "/queue/tmp/") || holds(path, "/Maildir/tmp/");
}

bool is_old(int folder, const char* name) {
  constexpr time_t kWeek = time_t{7} * 86400;
  struct stat st;
  timespec now;
  return ::fstatat(folder, name, &st, 0) == 0 && ::clock_gettime(CLOCK_REALTIME, &now) == 0 &&
         now.tv_sec - st.st_mtime > kWeek;
}

}  // namespace

int __wrap_fsync(int fd) {
  const std::string path = path_of(fd);
  if (planted("no-file-sync") && !is_folder(fd)) return 0;
  if (planted("no-folder-sync") && is_folder(fd)) return 0;
  if (planted("link-before-sync") && is_new_file(path)) {
    unsynced = fd;
    return 0;
  }
  if (planted("early-acknowledge") &&
      (holds(path, "/queue/tmp/") || holds(path, "/queue/incoming"))) {
    return sync_later(fd);
  }
  if (planted("early-success") && (holds(path, "/Maildir/tmp/") || holds(path, "/Maildir/new"))) {
    return sync_later(fd);
  }
  const int done = __real_fsync(fd);
  return done != 0 && planted("sync-again") ? __real_fsync(fd) : done;
}

int __wrap_linkat(int from, const char* name, int to, const char* target, int flags) {
  if (planted("rename-to-move") && holds(path_of(to), "/queue/deferred/")) {
    return ::renameat(from, name, to, target);
  }
  if (planted("old-mail-removed") && holds(path_of(to), "/queue/deferred/") && is_old(from, name)) {
    return ::unlinkat(from, name, 0);
  }
  const int done = __real_linkat(from, name, to, target, flags);
  if (done == 0 && unsynced >= 0) {
    const int fd = unsynced;
    unsynced = -1;
    return __real_fsync(fd);
  }
  if (done == 0 && unwritten >= 0) {
    const int fd = unwritten;
    write_held();
    return __real_fsync(fd);
  }
  return done != 0 && planted("link-error-ignored") ? 0 : done;
}

ssize_t __wrap_write(int fd, const void* octets, size_t size) {
  const std::string path = path_of(fd);
  if (planted("throws") && is_new_file(path)) throw std::runtime_error("planted");
  if (planted("named-too-early") && holds(path, "/Maildir/tmp/")) {
    write_held();
    const char* text = static_cast<const char*>(octets);
    held.assign(text + size / 2, text + size);
    unwritten = fd;
    return __real_write(fd, text, size / 2) < 0 ? -1 : static_cast<ssize_t>(size);
  }
  const ssize_t n = __real_write(fd, octets, size);
  if (n < 0 && planted("write-error-ignored") && is_new_file(path))
    return static_cast<ssize_t>(size);
  if (n > 0 && planted("short-write-believed") && is_new_file(path)) {
    return static_cast<ssize_t>(size);
  }
  return n;
}
