#include "posix/durable_file.h"

#include <cstdlib>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::posix {
namespace {

// Errors that speak of the disk or the name, not of a file system without O_TMPFILE.
bool final_for_unnamed(int err) {
  return err == EEXIST || err == ENOSPC || err == EDQUOT || err == EIO;
}

Result<> copy_contents(int from, int to, std::string_view what) {
  char room[65536];
  for (off_t at = 0;;) {
    Result<std::size_t> n = read_at(from, room, at, what);
    if (!n) return failed(n);
    if (*n == 0) return {};
    if (Result<> done = write_all(to, {room, *n}, what); !done) return done;
    at += static_cast<off_t>(*n);
  }
}

}  // namespace

Birth default_birth() {
  const char* set = std::getenv("PORPOISE_NAMED_FILES");
  return set != nullptr && std::string_view(set) == "1" ? Birth::named : Birth::unnamed_if_possible;
}

Result<DurableFile> DurableFile::begin(int tmp, std::string name, mode_t mode, Birth birth) {
  DurableFile file(tmp, std::move(name), mode);
  if (birth == Birth::unnamed_if_possible) {
    Result<UniqueFd> fd = open_at(tmp, ".", O_TMPFILE | O_RDWR, mode);
    if (fd) {
      file.fd_ = std::move(*fd);
      return file;
    }
    if (final_for_unnamed(fd.error().sys)) {
      return system_error(fd.error().sys, fmt::format("creating {}", file.name_));
    }
  }
  Result<UniqueFd> fd = open_at(tmp, file.name_, O_RDWR | O_CREAT | O_EXCL, mode);
  if (!fd) return system_error(fd.error().sys, fmt::format("creating {}", file.name_));
  file.fd_ = std::move(*fd);
  file.named_ = true;
  return file;
}

DurableFile& DurableFile::operator=(DurableFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  tmp_ = other.tmp_;
  name_ = std::move(other.name_);
  mode_ = other.mode_;
  fd_ = std::move(other.fd_);
  named_ = other.named_;
  return *this;
}

DurableFile::~DurableFile() {
  discard();
}

// A moved-from file holds no descriptor, and so has nothing to remove.
void DurableFile::discard() {
  if (fd_.open() && named_) (void)::unlinkat(tmp_, name_.c_str(), 0);
  fd_.reset();
}

Result<> DurableFile::commit(int target, const std::string& name, std::string_view target_path) && {
  return std::move(*this).commit(
      target, name, [&] { return sync(target, fmt::format("folder {}", target_path)); });
}

Result<> DurableFile::commit(int target, const std::string& name,
                             const std::function<Result<>()>& sync_target) && {
  if (Result<> done = sync(fd_.get(), name_); !done) return done;
  if (Result<> done = link_into(target, name); !done) return done;
  if (named_) {
    // The link stands; a temporary name that stays is swept later.
    (void)::unlinkat(tmp_, name_.c_str(), 0);
    named_ = false;
  }
  Result<> done = sync_target();
  if (!done) (void)::unlinkat(target, name.c_str(), 0);
  return done;
}

Result<> DurableFile::link_into(int target, const std::string& name) {
  if (!named_) {
    const std::string self = fmt::format("/proc/self/fd/{}", fd_.get());
    if (::linkat(AT_FDCWD, self.c_str(), target, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
    if (final_for_unnamed(errno)) return system_error(errno, fmt::format("creating {}", name));
    // No /proc, or a file system that opens unnamed files and cannot link them.
    if (Result<> done = become_named(); !done) return done;
  }
  if (::linkat(tmp_, name_.c_str(), target, name.c_str(), 0) == 0) return {};
  return system_error(errno, fmt::format("creating {}", name));
}

Result<> DurableFile::become_named() {
  Result<DurableFile> copy = begin(tmp_, name_, mode_, Birth::named);
  if (!copy) return failed(copy);
  if (Result<> done = copy_contents(fd_.get(), copy->fd(), name_); !done) return done;
  if (Result<> done = sync(copy->fd(), name_); !done) return done;
  *this = std::move(*copy);
  return {};
}

}  // namespace porpoise::posix
