#include "queue/spool.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"
#include "queue/content.h"
#include "queue/look.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kMaxMemfd = 65536;
constexpr int kMaxAside = 10;  // names tried in damaged/ for one id

std::string path_in(Place place, const Id& id) {
  return place == Place::incoming ? id.text() : fmt::format("{}/{}", id.folder(), id.text());
}

Result<bool> same_file(int at_a, const std::string& a, int at_b, const std::string& b) {
  struct stat one;
  struct stat other;
  if (::fstatat(at_a, a.c_str(), &one, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::fstatat(at_b, b.c_str(), &other, AT_SYMLINK_NOFOLLOW) != 0) {
    return posix::system_error(errno, fmt::format("looking at {}", a));
  }
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Links `a` as `b`. That it is there already, the same file, is fine.
Result<> link_or_same(int at_a, const std::string& a, int at_b, const std::string& b) {
  if (::linkat(at_a, a.c_str(), at_b, b.c_str(), 0) == 0) return {};
  const int err = errno;
  if (err == EEXIST) {
    Result<bool> same = same_file(at_a, a, at_b, b);
    if (!same) return failed(same);
    if (*same) return {};
  }
  return posix::system_error(err, fmt::format("linking {} as {}", a, b));
}

Result<> unlink_if_there(int at, const std::string& name) {
  if (::unlinkat(at, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  return posix::system_error(errno, fmt::format("removing {}", name));
}

Result<posix::UniqueFd> new_memfd() {
  constexpr unsigned kNoexecSeal = 8;  // MFD_NOEXEC_SEAL, Linux 6.3
  int fd = ::memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoexecSeal);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("content", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return posix::trouble(errno, "making a file in memory");
  return posix::UniqueFd(fd);
}

Result<posix::UniqueFd> new_unlinked(int folder, const std::string& name) {
  Result<posix::UniqueFd> fd = posix::open_at(folder, ".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  if (fd) return fd;
  fd = posix::open_at(folder, name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd) (void)::unlinkat(folder, name.c_str(), 0);
  return fd;
}

}  // namespace

Result<Spool> Spool::open(const Instance& instance) {
  Spool spool;
  struct Folder {
    posix::UniqueFd& fd;
    const char* name;
  };
  for (const Folder& f :
       {Folder{spool.queue_, "queue"}, Folder{spool.tmp_, "queue/tmp"},
        Folder{spool.incoming_, "queue/incoming"}, Folder{spool.deferred_, "queue/deferred"}}) {
    Result<posix::UniqueFd> fd = instance.open_folder(f.name);
    if (!fd) return failed(fd);
    f.fd = std::move(*fd);
  }
  return spool;
}

Result<bool> Spool::try_lock(std::chrono::milliseconds patience) {
  if (!lock_.open()) {
    Result<posix::UniqueFd> fd = posix::open_at(queue_.get(), "lock", O_RDWR | O_CREAT, 0600);
    if (!fd) return failed(fd);
    lock_ = std::move(*fd);
  }
  if (patience == patience.zero()) return posix::try_lock(lock_.get(), "queue/lock");
  Result<> done = posix::lock(lock_.get(), "queue/lock", patience);
  if (!done && done.error().sys == ETIMEDOUT) return false;
  if (!done) return failed(done);
  return true;
}

Result<bool> Spool::is_locked() const {
  // By a file opened for this: a lock of our own would not show through its own descriptor.
  Result<posix::UniqueFd> fd = posix::open_at(queue_.get(), "lock", O_RDONLY);
  if (!fd && fd.error().sys == ENOENT) return false;
  if (!fd) return failed(fd);
  return posix::is_locked(fd->get(), "queue/lock");
}

Result<> Spool::for_each(Place place, const std::function<void(const Id&)>& each,
                         const std::function<void(const std::string& path)>& stray) const {
  if (place == Place::incoming) {
    return posix::for_each_name(incoming_.get(), "queue/incoming", [&](const char* name) {
      const std::optional<Id> id = Id::parse(name);
      if (id) each(*id);
      if (!id && stray) stray(fmt::format("incoming/{}", name));
      return true;
    });
  }
  Result<std::vector<std::string>> folders = deferred_folders(stray);
  if (!folders) return failed(folders);
  for (const std::string& folder : *folders) {
    if (Result<> done = for_each_in(folder, each, stray); !done) return done;
  }
  return {};
}

Result<std::vector<std::string>> Spool::deferred_folders(
    const std::function<void(const std::string& path)>& stray) const {
  std::vector<std::string> names;
  Result<> done = posix::for_each_name(deferred_.get(), "queue/deferred", [&](const char* name) {
    const Result<std::optional<struct stat>> seen = look(deferred_.get(), name);
    const bool gone = seen && !*seen;
    // What cannot be looked at may hold mail: whoever opens it hears why it does not go.
    if (!seen || (*seen && S_ISDIR((*seen)->st_mode))) {
      names.emplace_back(name);
    } else if (stray && !gone) {
      stray(fmt::format("deferred/{}", name));
    }
    return true;
  });
  if (!done) return failed(done);
  std::ranges::sort(names);
  return names;
}

Result<> Spool::for_each_in(const std::string& folder, const std::function<void(const Id&)>& each,
                            const std::function<void(const std::string& path)>& stray) const {
  Result<posix::UniqueFd> fd = posix::open_folder(deferred_.get(), folder);
  if (!fd && fd.error().sys == ENOENT) return {};
  if (!fd) return failed(fd);
  return posix::for_each_name(fd->get(), fmt::format("queue/deferred/{}", folder),
                              [&](const char* name) {
                                const std::optional<Id> id = Id::parse(name);
                                const bool ours = id && id->folder() == folder;
                                if (ours) each(*id);
                                if (!ours && stray)
                                  stray(fmt::format("deferred/{}/{}", folder, name));
                                return true;
                              });
}

Result<File> Spool::open_file(const Id& id, File::Access access, Place* place) const {
  // Messages move from incoming/ to deferred/ and never back, so this order misses none.
  for (const Place where : {Place::incoming, Place::deferred}) {
    const int at = where == Place::incoming ? incoming_.get() : deferred_.get();
    Result<File> file = File::open(at, path_in(where, id), id, access);
    if (place != nullptr) *place = where;
    if (file || file.error().sys != ENOENT) return file;
  }
  return posix::system_error(ENOENT, fmt::format("opening message {}", id.text()));
}

Result<posix::UniqueFd> Spool::deferred_folder(const std::string& name) {
  const bool made = ::mkdirat(deferred_.get(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    return posix::system_error(errno, fmt::format("making folder queue/deferred/{}", name));
  }
  // A folder that is there may be one whose maker was killed before it had synced deferred/.
  if (made || !deferred_synced_) {
    Result<> done = posix::sync(deferred_.get(), "queue/deferred");
    deferred_synced_ = done.has_value();
    // A second sync would prove nothing: the next attempt makes the folder anew.
    if (!done) (void)::unlinkat(deferred_.get(), name.c_str(), AT_REMOVEDIR);
    if (!done) return failed(done);
  }
  return posix::open_folder(deferred_.get(), name);
}

Result<> Spool::move_to_deferred(const Id& id) {
  Result<posix::UniqueFd> folder = deferred_folder(id.folder());
  if (!folder) return failed(folder);
  Result<> done = link_or_same(incoming_.get(), id.text(), folder->get(), id.text());
  const bool moved = !done && done.error().sys == ENOENT &&
                     ::faccessat(folder->get(), id.text().c_str(), F_OK, 0) == 0;
  if (!done && !moved) return done;
  // Also when somebody else has linked it: he may have been killed before this.
  done = posix::sync(folder->get(), fmt::format("queue/deferred/{}", id.folder()));
  if (done) return unlink_if_there(incoming_.get(), id.text());
  // A second sync would prove nothing: the next attempt links it anew.
  if (!moved) (void)::unlinkat(folder->get(), id.text().c_str(), 0);
  return done;
}

Result<> Spool::remove(const Id& id, Place place) {
  // Half moved, it has both names.
  if (Result<> done = unlink_if_there(incoming_.get(), id.text()); !done) return done;
  Result<> done = unlink_if_there(deferred_.get(), path_in(Place::deferred, id));
  if (!done) return done;
  incoming_dirty_ = incoming_dirty_ || place == Place::incoming;
  if (place == Place::deferred) dirty_.insert(id.folder());
  return {};
}

Result<> Spool::sync_removed() {
  if (incoming_dirty_) {
    if (Result<> done = posix::sync(incoming_.get(), "queue/incoming"); !done) return done;
    incoming_dirty_ = false;
  }
  while (!dirty_.empty()) {
    const std::string name = *dirty_.begin();
    Result<posix::UniqueFd> folder = posix::open_folder(deferred_.get(), name);
    if (!folder) return failed(folder);
    Result<> done = posix::sync(folder->get(), fmt::format("queue/deferred/{}", name));
    if (!done) return done;
    dirty_.erase(name);
  }
  return {};
}

Result<> Spool::set_aside(const Id& id, Place place) {
  if (place == Place::incoming) return set_aside(incoming_.get(), id.text());
  return set_aside(deferred_.get(), path_in(place, id));
}

Result<> Spool::set_aside(int at, const std::string& path, bool and_stays) {
  Result<> made = posix::make_folder(queue_.get(), "damaged", 0700);
  if (!made && made.error().sys != EEXIST) return made;
  Result<posix::UniqueFd> damaged = posix::open_folder(queue_.get(), "damaged");
  if (!damaged) return failed(damaged);
  const std::string own = path.substr(path.rfind('/') + 1);
  std::string name = own;
  Result<> done = link_or_same(at, path, damaged->get(), name);
  for (int i = 1; i < kMaxAside && !done && done.error().sys == EEXIST; ++i) {
    name = fmt::format("{}.{}", own, i);
    done = link_or_same(at, path, damaged->get(), name);
  }
  if (!done) return done;
  done = posix::sync(damaged->get(), "queue/damaged");
  if (done) done = posix::sync(queue_.get(), "queue");
  if (done && and_stays) return done;
  if (done) return unlink_if_there(at, path);
  // A second sync would prove nothing: the next attempt does it all anew.
  (void)::unlinkat(damaged->get(), name.c_str(), 0);
  (void)::unlinkat(queue_.get(), "damaged", AT_REMOVEDIR);
  return done;
}

Result<int> Spool::sweep_tmp(std::int64_t wall_us, std::int64_t seconds) {
  int swept = 0;
  Result<> done = posix::for_each_name(tmp_.get(), "queue/tmp", [&](const char* name) {
    struct stat st;
    if (::fstatat(tmp_.get(), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(st.st_mode)) {
      return true;
    }
    const std::int64_t touched = std::max<std::int64_t>(st.st_mtime, st.st_ctime);
    if (touched < wall_us / 1'000'000 - seconds && ::unlinkat(tmp_.get(), name, 0) == 0) ++swept;
    return true;
  });
  if (!done) return failed(done);
  return swept;
}

Result<posix::UniqueFd> Spool::copy_content(const File& file) const {
  const bool small = file.header().content_octets <= kMaxMemfd;
  Result<posix::UniqueFd> copy =
      small ? new_memfd() : new_unlinked(tmp_.get(), unlinked_name(file));
  const bool in_memory = small && copy;
  // Where memory files are forbidden, an ordinary one does.
  if (!copy && small) copy = new_unlinked(tmp_.get(), unlinked_name(file));
  if (!copy) return copy;
  if (Result<> done = copy_checked(file, copy->get()); !done) return failed(done);
  if (in_memory) {
    constexpr int kAll = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (::fcntl(copy->get(), F_ADD_SEALS, kAll) != 0) {
      return posix::trouble(errno, "sealing a file in memory");
    }
  } else if (::fchmod(copy->get(), 0444) != 0) {  // a recipient opens it anew, by no name
    return posix::trouble(errno, "setting the mode of a copy");
  }
  return copy;
}

std::string Spool::unlinked_name(const File& file) {
  return fmt::format("copy.{}.{}", file.header().id.text(), ::getpid());
}

Result<posix::UniqueFd> Spool::reopen(int content) {
  return posix::open_at(posix::kHere, fmt::format("/proc/self/fd/{}", content), O_RDONLY);
}

}  // namespace porpoise::queue
