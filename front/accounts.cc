#include "front/accounts.h"

#include <array>
#include <grp.h>
#include <unistd.h>

#include "posix/process.h"

namespace porpoise::front {
namespace {

std::string useradd() {
  for (const char* path : {"/usr/sbin/useradd", "/usr/bin/useradd", "/sbin/useradd"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return "";
}

Result<Identity> find_or_add(const std::string& name, const PasswordFile& passwords,
                             const std::function<Result<>(const std::string&)>& add,
                             const std::function<void(const std::string&)>& report) {
  PasswordFile::Answer found = passwords.by_name(name);
  if (found && !*found) {
    if (Result<> done = add(name); !done) return failed(done);
    found = passwords.by_name(name);
    if (found && *found) report(fmt::format("account {} (uid {})", name, (*found)->uid));
  }
  if (!found) return failed(found);
  if (!*found) return permanent("account {}: it was made, and is not in the password file", name);
  const Owner& account = **found;
  if (account.uid == 0 || account.gid == 0) {
    return permanent("account {}: it must be neither root nor of root's group", name);
  }
  return Identity{.name = name, .uid = account.uid, .gid = account.gid};
}

}  // namespace

Result<Identities> find_or_add_accounts(const PasswordFile& passwords,
                                        const std::function<Result<>(const std::string&)>& add,
                                        const std::function<void(const std::string&)>& report) {
  Identities all;
  const std::array<std::pair<const char*, Identity*>, 3> wanted = {
      {{"porpoise", &all.queue}, {"porpoise-net", &all.network}, {"porpoise-alias", &all.alias}}};
  for (const auto& [name, identity] : wanted) {
    Result<Identity> found = find_or_add(name, passwords, add, report);
    if (!found) return failed(found);
    *identity = std::move(*found);
  }
  // What control/system could not say, it must not say.
  return Identities::parse(all.text());
}

Result<> add_account(const std::string& name) {
  posix::Command command;
  command.path = useradd();
  if (command.path.empty()) {
    return permanent("account {}: there is no useradd; make it by other means, and try again",
                     name);
  }
  command.arguments = {"useradd",           "--system",     "--no-create-home",
                       "--home-dir",        "/nonexistent", "--shell",
                       "/usr/sbin/nologin", "--comment",    "Porpoise mail"};
  if (::getgrnam(name.c_str()) != nullptr) {
    command.arguments.insert(command.arguments.end(), {"--gid", name});
  } else {
    command.arguments.emplace_back("--user-group");
  }
  command.arguments.push_back(name);
  command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"};
  command.fds = {-1, 2, 2};
  Result<pid_t> child = posix::start(command);
  if (!child) return failed(child);
  Result<posix::Ended> ended = posix::wait_for(*child);
  if (!ended) return failed(ended);
  if (!ended->ok()) return permanent("account {}: useradd: {}", name, ended->text());
  return {};
}

}  // namespace porpoise::front
