#include "front/run_lock.h"

#include <charconv>
#include <unistd.h>

#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"

namespace porpoise::front {
namespace {

constexpr const char* kName = "run/run.lock";
// Of a system instance, where everybody may read the other, and so lock it.
constexpr const char* kPrivateName = "run/runner.lock";

Result<pid_t> written_pid(int fd) {
  char room[32];
  Result<std::size_t> n = posix::read_at(fd, room, 0, kName);
  if (!n) return failed(n);
  pid_t pid = 0;
  (void)std::from_chars(room, room + *n, pid);
  return pid;
}

}  // namespace

Result<RunLock> RunLock::take(const Instance& instance) {
  posix::UniqueFd own;
  if (instance.is_system()) {
    Result<posix::UniqueFd> fd =
        posix::open_at(instance.folder(), kPrivateName, O_RDWR | O_CREAT, 0600);
    if (!fd) return failed(fd);
    own = std::move(*fd);
  }
  Result<posix::UniqueFd> fd = posix::open_at(instance.folder(), kName, O_RDWR | O_CREAT, 0644);
  if (!fd) {
    return posix::system_error(fd.error().sys,
                               fmt::format("opening {}/{}", instance.path(), kName));
  }
  Result<bool> locked = posix::try_lock(fd->get(), kName);
  // Where there is the other, this one is only what those who ask look at.
  if (locked && own.open()) locked = posix::try_lock(own.get(), kPrivateName);
  if (!locked) return failed(locked);
  if (!*locked) {
    Result<pid_t> pid = written_pid(fd->get());
    return temporary("instance {} is running already (pid {})", instance.path(), pid.value_or(0));
  }
  if (::ftruncate(fd->get(), 0) != 0) return posix::trouble(errno, "emptying run/run.lock");
  Result<> done = posix::write_at(fd->get(), fmt::format("{}\n", ::getpid()), 0, kName);
  if (!done) return failed(done);
  return RunLock(std::move(*fd), std::move(own));
}

Result<std::optional<pid_t>> running_pid(const Instance& instance) {
  Result<posix::UniqueFd> fd = posix::open_at(instance.folder(), kName, O_RDONLY);
  if (!fd && fd.error().sys == ENOENT) return std::optional<pid_t>();
  if (!fd) return failed(fd);
  const Result<posix::UniqueFd> own = posix::open_at(instance.folder(), kPrivateName, O_RDWR);
  Result<bool> locked = posix::is_locked(own ? own->get() : fd->get(), kName);
  if (!locked) return failed(locked);
  if (!*locked) return std::optional<pid_t>();
  Result<pid_t> pid = written_pid(fd->get());
  if (!pid) return failed(pid);
  return std::optional(*pid);
}

}  // namespace porpoise::front
