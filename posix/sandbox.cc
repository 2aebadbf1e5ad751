#include "posix/sandbox.h"

#include <algorithm>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "posix/error.h"
#include "posix/system_calls.h"

namespace porpoise::posix {
namespace {

// Linux 5.19: before it, nothing could be linked from one folder into another.
constexpr long kOldestAbi = 2;

// Newer than the headers that we may be built with.
constexpr std::uint64_t kTruncate = 1u << 14;     // 3
constexpr std::uint64_t kIoctlDevice = 1u << 15;  // 5
constexpr std::uint64_t kTcp = 3;                 // 4: bind and connect
constexpr std::uint64_t kAbstractSockets = 1;     // 6

struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_REFER | kTruncate;
constexpr std::uint64_t kRun = kRead | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_READ_FILE | kTruncate | kIoctlDevice;

std::uint64_t rights_of(Sandbox::Access access) {
  switch (access) {
    case Sandbox::Access::look:
      return LANDLOCK_ACCESS_FS_READ_DIR;
    case Sandbox::Access::read:
      return kRead;
    case Sandbox::Access::write:
      return kWrite;
    case Sandbox::Access::run:
      return kRun;
  }
  return 0;
}

/// All that this kernel can restrict. What it restricts without our asking for a rule is refused.
RulesetAttributes attributes(long abi, const Sandbox& box) {
  RulesetAttributes all;
  all.files = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;
  if (abi >= 3) all.files |= kTruncate;
  if (abi >= 5) all.files |= kIoctlDevice;
  if (abi >= 4 && !box.makes_sockets) all.network = kTcp;
  if (abi >= 6 && !box.makes_sockets) all.scoped = kAbstractSockets;
  return all;
}

std::size_t size_of_attributes(long abi) {
  return sizeof(std::uint64_t) * (abi >= 6 ? 3 : abi >= 4 ? 2 : 1);
}

Result<> add_rule(int ruleset, const Sandbox::Place& place, std::uint64_t known) {
  Result<UniqueFd> fd = open_at(place.at, place.path, O_PATH);
  if (!fd) return failed(fd);
  Result<struct stat> st = stat_of(fd->get(), place.path);
  if (!st) return failed(st);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights_of(place.access) & known;
  if (!S_ISDIR(st->st_mode)) rule.allowed_access &= kOfFiles;
  rule.parent_fd = fd->get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) {
    return {};
  }
  return trouble(errno, fmt::format("keeping {} within reach", place.path));
}

// False: no Landlock, or one that is too old or switched off.
Result<bool> restrict_files(const Sandbox& box) {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1u /* the version */);
  if (abi < kOldestAbi) return false;
  const RulesetAttributes all = attributes(abi, box);
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, size_of_attributes(abi), 0)));
  if (!ruleset.open()) return trouble(errno, "restricting files");
  if (Result<> done = add_rule(ruleset.get(),
                               {.path = "/dev/null", .access = Sandbox::Access::write}, all.files);
      !done) {
    return failed(done);
  }
  for (const Sandbox::Place& place : box.places) {
    if (Result<> done = add_rule(ruleset.get(), place, all.files); !done) return failed(done);
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return trouble(errno, "restricting files");
  }
  return true;
}

Result<> limit(int resource, rlim_t value, const char* what) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return trouble(errno, fmt::format("limiting {}", what));
  const rlim_t most = std::min(value, now.rlim_max);
  const rlimit wanted{most, most};
  if (::setrlimit(resource, &wanted) == 0) return {};
  return trouble(errno, fmt::format("limiting {}", what));
}

}  // namespace

std::string Confined::text() const {
  if (files && calls) return "files and system calls are restricted";
  if (files) return "files are restricted; no seccomp: system calls are not";
  if (calls) return "system calls are restricted; no Landlock: files are not";
  return "neither files nor system calls are restricted: no Landlock, no seccomp";
}

Result<Confined> confine(const Sandbox& box) {
  if (Result<> done = limit(RLIMIT_CORE, 0, "core files"); !done) return failed(done);
  if (box.memory) {
    if (Result<> done = limit(RLIMIT_AS, *box.memory, "memory"); !done) return failed(done);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return trouble(errno, "giving up new privileges");
  }
  Result<bool> files = restrict_files(box);
  if (!files) return failed(files);
  if (box.open_files) {
    if (Result<> done = limit(RLIMIT_NOFILE, *box.open_files, "open files"); !done) {
      return failed(done);
    }
  }
  Result<bool> calls = restrict_system_calls(box);
  if (!calls) return failed(calls);
  return Confined{.files = *files, .calls = *calls};
}

}  // namespace porpoise::posix
