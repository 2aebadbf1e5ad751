#include "system.h"

#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "parts.h"

namespace porpoise::driver {
namespace {

constexpr int kSpare = 100;  // descriptors from here on are nobody's

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name, home;
};

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> found;
  for (std::size_t from = 0; from <= line.size();) {
    const std::size_t to = std::min(line.find(':', from), line.size());
    found.push_back(line.substr(from, to - from));
    from = to + 1;
  }
  return found;
}

User find_user(const std::string& passwd, const std::string& name) {
  std::ifstream file(passwd);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields[0] != name || fields.size() < 6) continue;
    return {.uid = static_cast<uid_t>(std::stoul(fields[2])),
            .gid = static_cast<gid_t>(std::stoul(fields[3])),
            .name = name,
            .home = fields[5]};
  }
  errno = ENOENT;
  give_up(passwd + ": " + name);
}

void become_user(const User& user) {
  must(setgroups(1, &user.gid), "setgroups");
  must(setresgid(user.gid, user.gid, user.gid), "setresgid");
  must(setresuid(user.uid, user.uid, user.uid), "setresuid");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges");
}

// By way of spare ones, since each may be another one's place.
void take_descriptors(const std::vector<int>& descriptors) {
  const int nothing = must(open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");
  const int count = static_cast<int>(descriptors.size());
  for (int n = 0; n < count; ++n) {
    must(dup2(descriptors[n] == kNothing ? nothing : descriptors[n], kSpare + n), "dup2");
  }
  for (int n = 0; n < count; ++n) must(dup2(kSpare + n, n), "dup2");
  must(close_range(static_cast<unsigned>(count), ~0U, 0), "close_range");
}

std::vector<std::string> environment_of(const std::string& instance,
                                        const std::optional<User>& user) {
  const char* named = getenv("PORPOISE_NAMED_FILES");
  std::vector<std::string> found{"PATH=/usr/local/bin:/usr/bin:/bin", "PORPOISE=" + instance,
                                 std::string("PORPOISE_NAMED_FILES=") + (named ? named : "0")};
  if (user) {
    found.push_back("HOME=" + user->home);
    found.push_back("USER=" + user->name);
    found.push_back("LOGNAME=" + user->name);
  }
  return found;
}

}  // namespace

void System::own_names() const {
  must(unshare(CLONE_NEWNS), "unshare");
  must(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount /");
  DIR* folder = opendir(etc().c_str());
  if (folder == nullptr) give_up(etc());
  while (const dirent* entry = readdir(folder)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string ours = etc() + "/" + name;
    must(mount(ours.c_str(), ("/etc/" + name).c_str(), nullptr, MS_BIND, nullptr), ours.c_str());
  }
  closedir(folder);
}

pid_t System::start(const std::vector<std::string>& arguments, const std::vector<int>& descriptors,
                    const std::optional<std::string>& user) const {
  std::optional<User> who;
  if (user) who = find_user(etc() + "/passwd", *user);
  const std::string& name = arguments[0];
  const Command command{name.find('/') == std::string::npos ? programs + "/" + name : name,
                        arguments, environment_of(instance, who)};
  const pid_t driver = getpid();
  const pid_t child = must(fork(), "fork");
  if (child != 0) return child;
  must(setsid(), "setsid");
  take_descriptors(descriptors);
  if (who) become_user(*who);
  end_with(driver);  // which a change of users undoes
  become(command);
}

}  // namespace porpoise::driver
