#include "instance/instance.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "instance/control.h"
#include "libmail/number.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

std::optional<std::string> environment(const char* name) {
  const char* value = ::getenv(name);
  if (value == nullptr || value[0] == '\0') return std::nullopt;
  return value;
}

// Absolute, so that a message of ours means the same after a chdir.
std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* here = ::get_current_dir_name();
  std::string full = fmt::format("{}/{}", here != nullptr ? here : ".", path);
  ::free(here);
  return full;
}

std::string not_an_instance(const std::string& path, std::string_view why) {
  return fmt::format("{} is no porpoise instance ({}); make one with: porpoise init {}", path, why,
                     path);
}

}  // namespace

std::string Owner::line() const {
  return fmt::format("{}:{}:{}:{}", name, uid, gid, home);
}

Result<Owner> Owner::parse(std::string_view line) {
  std::vector<std::string_view> fields;
  for (int i = 0; i < 3; ++i) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) break;
    fields.push_back(line.substr(0, colon));
    line.remove_prefix(colon + 1);
  }
  Owner owner;
  if (fields.size() != 3 || fields[0].empty() || !parse_number(fields[1], owner.uid) ||
      !parse_number(fields[2], owner.gid) || !line.starts_with('/')) {
    return permanent("control/owner: want name:uid:gid:/home");
  }
  owner.name = fields[0];
  owner.home = line;
  return owner;
}

std::string Instance::default_path() {
  if (::getauxval(AT_SECURE) == 0) {
    if (auto set = environment("PORPOISE")) return absolute(*set);
  }
  if (::access(fmt::format("{}/control/me", system_path()).c_str(), F_OK) == 0) {
    return system_path();
  }
  if (auto state = environment("XDG_STATE_HOME")) return absolute(*state + "/porpoise");
  if (auto home = environment("HOME")) return absolute(*home + "/.local/state/porpoise");
  return system_path();
}

Result<Instance> Instance::find(const std::optional<std::string>& option) {
  return open(option ? absolute(*option) : default_path());
}

Result<Instance> Instance::open(const std::string& path) {
  Instance instance;
  instance.path_ = path;
  Result<posix::UniqueFd> folder = posix::open_folder_long(path);
  if (!folder) {
    const int err = folder.error().sys;
    if (posix::is_temporary(err) || err == EACCES) {
      return posix::system_error(err, fmt::format("opening instance {}", path));
    }
    return permanent("{}", not_an_instance(path, posix::error_text(err)));
  }
  instance.folder_ = std::move(*folder);

  const Control control(instance.folder());
  Result<std::optional<std::string>> me = control.line("me");
  if (!me) return tl::make_unexpected(Error{me.error().fate, path + ": " + me.error().text, 0});
  if (!*me) return permanent("{}", not_an_instance(path, "it has no control/me"));
  if (Result<> done = instance.read_kind(control); !done) {
    return tl::make_unexpected(
        Error{done.error().fate, fmt::format("instance {}: {}", path, done.error().text), 0});
  }
  return instance;
}

Result<> Instance::read_kind(const Control& control) {
  Result<std::optional<std::string>> owner = control.line("owner");
  if (!owner) return failed(owner);
  Result<std::optional<std::string>> system = control.text("system");
  if (!system) return failed(system);
  if (owner->has_value() == system->has_value()) {
    return permanent(
        "{} says what kind it is: exactly one of control/owner and control/system must",
        *owner ? "more than one file" : "no file");
  }
  if (*owner) {
    Result<Owner> parsed = Owner::parse(**owner);
    if (!parsed) return failed(parsed);
    owner_ = std::move(*parsed);
    const Identity same{owner_.name, owner_.uid, owner_.gid};
    identities_ = {same, same, same};
    return {};
  }
  Result<Identities> parsed = Identities::parse(**system);
  if (!parsed) return failed(parsed);
  kind_ = Kind::system;
  identities_ = std::move(*parsed);
  const Identity& queue = identities_.queue;
  owner_ = {.name = queue.name, .uid = queue.uid, .gid = queue.gid, .home = path_};
  return {};
}

Result<> Instance::require_owner() const {
  if (::geteuid() == owner_.uid) return {};
  return permanent("instance {} belongs to {} (uid {}): run this as that user", path_, owner_.name,
                   owner_.uid);
}

Result<> Instance::require_administrator() const {
  if (!is_system()) return require_owner();
  if (::geteuid() == 0) return {};
  return permanent("instance {} is the system's: run this as root", path_);
}

Result<> Instance::require_submitter() const {
  return is_system() ? Result<>() : require_owner();
}

Result<posix::UniqueFd> Instance::open_folder(const std::string& name) const {
  Result<posix::UniqueFd> fd = posix::open_folder(folder(), name);
  if (!fd) {
    return posix::system_error(fd.error().sys, fmt::format("opening {}/{}", path_, name));
  }
  return fd;
}

}  // namespace porpoise
