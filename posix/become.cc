#include "posix/become.h"

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "posix/error.h"

namespace porpoise::posix {
namespace {

constexpr uid_t kNoId = static_cast<uid_t>(-1);  // "leave it as it is", to the kernel

constexpr rlim_t kMostFiles = 16384;  // without a limit, a mistake would use up the machine's

bool is_all(uid_t real, uid_t effective, uid_t saved, uid_t wanted) {
  return real == wanted && effective == wanted && saved == wanted;
}

Result<> require_groups(std::vector<gid_t> wanted) {
  std::vector<gid_t> groups(wanted.size() + 1);
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  std::ranges::sort(groups);
  std::ranges::sort(wanted);
  if (groups == wanted) return {};
  return temporary("setting the groups: it did not happen");
}

Result<> require_no_way_back(const Become& who) {
  uid_t uids[3] = {};
  gid_t gids[3] = {};
  if (::getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
      ::getresgid(&gids[0], &gids[1], &gids[2]) != 0) {
    return trouble(errno, "asking who we are");
  }
  if (!is_all(uids[0], uids[1], uids[2], who.uid) || !is_all(gids[0], gids[1], gids[2], who.gid)) {
    return temporary("becoming uid {}: it did not happen", who.uid);
  }
  // Where a capability was kept, it would succeed.
  if (::setresuid(kNoId, 0, kNoId) == 0 || ::setresgid(kNoId, 0, kNoId) == 0) {
    return temporary("becoming uid {}: root could be had again", who.uid);
  }
  return {};
}

}  // namespace

Result<> become(const Become& who) {
  if (who.uid == 0 || who.gid == 0 || who.uid == kNoId || who.gid == kNoId ||
      std::ranges::find(who.groups, gid_t{0}) != who.groups.end()) {
    return temporary("becoming uid {} and gid {}: never root", who.uid, who.gid);
  }
  std::vector<gid_t> groups = {who.gid};
  groups.insert(groups.end(), who.groups.begin(), who.groups.end());
  if (::setgroups(groups.size(), groups.data()) != 0) return trouble(errno, "setting the groups");
  if (Result<> done = require_groups(groups); !done) return done;
  if (::setresgid(who.gid, who.gid, who.gid) != 0) {
    return trouble(errno, fmt::format("becoming gid {}", who.gid));
  }
  if (::setresuid(who.uid, who.uid, who.uid) != 0) {
    return trouble(errno, fmt::format("becoming uid {}", who.uid));
  }
  return require_no_way_back(who);
}

Result<> end_with(pid_t parent, int signal) {
  if (::prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0) {
    return trouble(errno, "asking to end with the parent");
  }
  if (::getppid() != parent) return temporary("the parent has ended");
  return {};
}

Result<> set_resources(const Resources& resources) {
  const auto set = [](auto which, rlim_t wanted) -> Result<> {
    rlimit limit{};
    if (::getrlimit(which, &limit) != 0) return trouble(errno, "asking for a limit");
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    if (::setrlimit(which, &limit) != 0) return trouble(errno, "setting a limit");
    return {};
  };
  if (Result<> done = set(RLIMIT_CORE, resources.core); !done) return done;
  if (Result<> done = set(RLIMIT_NOFILE, resources.files); !done) return done;
  if (::getpriority(PRIO_PROCESS, 0) < resources.priority &&
      ::setpriority(PRIO_PROCESS, 0, resources.priority) != 0) {
    return trouble(errno, "setting the priority");
  }
  return {};
}

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kMostFiles);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<> keep_capabilities(std::initializer_list<int> kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return trouble(errno, "asking for capabilities");
  unsigned wanted[2] = {};
  for (const int one : kept) wanted[one / 32] |= 1u << (one % 32);
  for (int i = 0; i < 2; ++i) {
    data[i].permitted &= wanted[i];
    data[i].effective = data[i].permitted;
    data[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, data) != 0) return trouble(errno, "giving up capabilities");
  return {};
}

}  // namespace porpoise::posix
