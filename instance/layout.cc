// What belongs to whom in a system instance.

#include <fcntl.h>
#include <sys/stat.h>

#include "instance/instance.h"
#include "posix/error.h"

namespace porpoise {
namespace {

struct Place {
  const char* name;
  const Identity& owner;
  bool is_private;  // to its owner; else everybody may read it
};

Result<> check(int at, const std::string& path, const Place& place) {
  const std::string shown = place.name[0] == '.' ? path : fmt::format("{}/{}", path, place.name);
  // Not through a link, but for control/, which may be one to /etc/porpoise.
  const bool may_be_link = std::string_view(place.name) == "control";
  struct stat st;
  if (::fstatat(at, place.name, &st, may_be_link ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
    return posix::system_error(errno, fmt::format("looking at {}", shown));
  }
  if (!S_ISDIR(st.st_mode)) return permanent("{} is no folder", shown);
  if (st.st_uid != place.owner.uid) {
    return permanent("{} belongs to uid {}; it has to belong to {} (uid {})", shown, st.st_uid,
                     place.owner.name, place.owner.uid);
  }
  const mode_t mode = st.st_mode & 07777;
  const bool right = place.is_private ? mode == 0700 : (mode & 022) == 0 && (mode & 0555) == 0555;
  if (right) return {};
  return permanent("{} has mode {:04o}; it has to be {}", shown, mode,
                   place.is_private ? "0700" : "0755");
}

}  // namespace

Result<> Instance::require_layout() const {
  if (!is_system()) return {};
  const Identity root{.name = "root"};
  for (const Place& place :
       {Place{".", root, false}, Place{"control", root, false}, Place{"users", root, false},
        Place{"run", root, false}, Place{"queue", identities_.queue, true},
        Place{"alias", identities_.alias, false}}) {
    if (Result<> done = check(folder(), path_, place); !done) return done;
  }
  return {};
}

}  // namespace porpoise
