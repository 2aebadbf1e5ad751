#include "queue/look.h"

#include <cerrno>
#include <fcntl.h>

#include "posix/error.h"

namespace porpoise::queue {

Result<std::optional<struct stat>> look(int folder, const std::string& name) {
  struct stat st;
  if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return std::optional(st);
  if (errno == ENOENT) return std::optional<struct stat>();
  return posix::system_error(errno, "looking at it");
}

Result<bool> is_there(int folder, const std::string& name) {
  Result<std::optional<struct stat>> seen = look(folder, name);
  if (!seen) return failed(seen);
  return seen->has_value();
}

}  // namespace porpoise::queue
