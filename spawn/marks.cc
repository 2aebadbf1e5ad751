#include "spawn/marks.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "libmail/quantity.h"
#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"

namespace porpoise::spawn {
namespace {

constexpr const char* kFolder = "run/deliveries";

std::optional<uid_t> uid_of(std::string_view name) {
  const auto uid = mail::parse_digits(name.substr(0, name.find('.')), UINT32_MAX);
  if (!uid) return std::nullopt;
  return static_cast<uid_t>(*uid);
}

}  // namespace

Result<Marks> Marks::open(const Instance& instance) {
  Marks marks;
  marks.spawn_ = fmt::format("{}-{}", posix::wall_us(), ::getpid());
  Result<> made = posix::make_folder(instance.folder(), kFolder, 0700);
  if (!made && made.error().sys != EEXIST) return failed(made);
  Result<posix::UniqueFd> folder =
      posix::open_at(instance.folder(), kFolder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) return failed(folder);
  marks.folder_ = std::move(*folder);
  Result<> seen;
  Result<> listed = posix::for_each_name(marks.folder_.get(), kFolder, [&](const char* name) {
    seen = marks.look_at(name);
    return seen.has_value();
  });
  if (!listed) return failed(listed);
  if (!seen) return failed(seen);
  return marks;
}

Result<> Marks::look_at(const char* name) {
  const std::optional<uid_t> uid = uid_of(name);
  if (!uid) return {};
  Result<posix::UniqueFd> fd = posix::open_at(folder_.get(), name, O_RDWR | O_NOFOLLOW);
  if (!fd) return failed(fd);
  Result<bool> locked = posix::is_locked(fd->get(), name);
  if (!locked) return failed(locked);
  if (!*locked) return posix::remove_file(folder_.get(), name);
  held_.emplace(*uid, std::move(*fd));
  return {};
}

Result<posix::UniqueFd> Marks::mark(uid_t uid) {
  const std::string name = fmt::format("{}.{}", uid, spawn_);
  Result<posix::UniqueFd> fd =
      posix::open_at(folder_.get(), name, O_RDONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd) return fd;
  struct flock range{};
  range.l_type = F_RDLCK;
  range.l_whence = SEEK_SET;
  if (::fcntl(fd->get(), F_OFD_SETLK, &range) != 0) {
    return posix::trouble(errno, fmt::format("locking {}/{}", kFolder, name));
  }
  return fd;
}

std::vector<int> Marks::earlier(uid_t uid) {
  std::vector<int> held;
  const auto [begin, end] = held_.equal_range(uid);
  for (auto one = begin; one != end;) {
    const Result<bool> locked = posix::is_locked(one->second.get(), kFolder);
    if (locked && !*locked) {
      one = held_.erase(one);
      continue;
    }
    held.push_back(one->second.get());
    ++one;
  }
  return held;
}

}  // namespace porpoise::spawn
