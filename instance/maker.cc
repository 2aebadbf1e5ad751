// Nothing a message will later be acknowledged under may vanish in a crash: every folder made here
// is on disk, and so is its entry in the folder above, before init answers.

#include "instance/maker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

Result<> sync_above(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string above = slash == 0 ? "/" : path.substr(0, slash);
  Result<posix::UniqueFd> folder = posix::open_folder_long(above);
  if (!folder) return failed(folder);
  return posix::sync(folder->get(), fmt::format("folder {}", above));
}

// mkdir -p for the folders above `path`; they get the usual mode.
Result<> make_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    Result<> made = posix::make_folder(posix::kHere, parent, 0755);
    if (!made && made.error().sys == EEXIST) continue;
    if (!made) return made;
    if (Result<> done = sync_above(parent); !done) return done;
  }
  return {};
}

// Making an instance out of somebody's full folder would be a mistake that is hard to take back.
Result<> check_top(int top, const std::string& path, mode_t mode) {
  Result<struct stat> st = posix::stat_of(top, path);
  if (!st) return failed(st);
  if (st->st_uid != ::geteuid()) {
    return permanent("folder {} belongs to uid {}, and we are uid {}", path, st->st_uid,
                     ::geteuid());
  }
  if (::faccessat(top, "control", F_OK, 0) == 0) return {};  // an instance, or the start of one
  bool empty = true;
  Result<> read = posix::for_each_name(top, path, [&](const char*) { return empty = false; });
  if (!read) return read;
  if (!empty) return permanent("folder {} is not empty, and no porpoise instance", path);
  // It may have come with the mode of a shared folder.
  if (::fchmod(top, (st->st_mode | mode) & 0755) != 0) {
    return posix::system_error(errno, fmt::format("setting the mode of {}", path));
  }
  return {};
}

}  // namespace

Result<> Maker::folder(const std::string& name, mode_t mode) const {
  Result<> made = posix::make_folder(at_, name, mode);
  if (!made && made.error().sys == EEXIST) return {};
  if (!made) return named(made.error().sys, "making folder", name);
  report_(fmt::format("{}/{}/", shown_, name));
  return {};
}

Result<> Maker::folder_of(const Identity& owner, const std::string& name, mode_t mode) const {
  Result<> made = posix::make_folder(at_, name, 0700);
  if (!made && made.error().sys == EEXIST) return {};
  if (!made) return named(made.error().sys, "making folder", name);
  Result<posix::UniqueFd> folder = posix::open_at(at_, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) return named(folder.error().sys, "opening folder", name);
  if (::fchown(folder->get(), owner.uid, owner.gid) != 0 || ::fchmod(folder->get(), mode) != 0) {
    return named(errno, fmt::format("giving {} folder", owner.name), name);
  }
  report_(fmt::format("{}/{}/ of {}", shown_, name, owner.name));
  return {};
}

Result<> Maker::fifo(const std::string& name, mode_t mode) const {
  if (::mkfifoat(at_, name.c_str(), mode) != 0) {
    if (errno == EEXIST) return {};
    return named(errno, "making", name);
  }
  report_(fmt::format("{}/{}", shown_, name));
  return {};
}

Result<> Maker::file(const std::string& name, const std::string& text) const {
  if (::faccessat(at_, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return {};
  Result<> done = posix::replace_file(at_, name, text, 0644);
  if (!done) return named(done.error().sys, "writing", name);
  report_(fmt::format("{}/{}: {}", shown_, name, text.substr(0, text.find('\n'))));
  return {};
}

Result<> Maker::link(const std::string& name, const std::string& target) const {
  if (::symlinkat(target.c_str(), at_, name.c_str()) != 0) {
    if (errno == EEXIST) return {};
    return named(errno, "linking", name);
  }
  report_(fmt::format("{}/{} -> {}", shown_, name, target));
  return {};
}

Result<> Maker::sync(const std::string& name) const {
  Result<posix::UniqueFd> folder = posix::open_folder(at_, name);
  if (!folder) return named(folder.error().sys, "opening folder", name);
  return posix::sync(folder->get(), fmt::format("folder {}/{}", shown_, name));
}

tl::unexpected<Error> Maker::named(int err, std::string_view act, const std::string& name) const {
  return posix::system_error(err, fmt::format("{} {}/{}", act, shown_, name));
}

Result<posix::UniqueFd> make_top(const std::string& path, mode_t mode,
                                 const Maker::Report& report) {
  if (Result<> done = make_parents(path); !done) return failed(done);
  Result<> made = posix::make_folder(posix::kHere, path, mode);
  if (!made && made.error().sys != EEXIST) return failed(made);
  if (made) report(path + "/");
  Result<posix::UniqueFd> top = posix::open_folder_long(path);
  if (!top) return top;
  if (Result<> done = check_top(top->get(), path, mode); !done) return failed(done);
  if (Result<> done = sync_above(path); !done) return failed(done);
  return top;
}

// The domain of a host named in full. A host of two labels is its own: "test" and "org" are
// nobody's to complete names with.
std::string default_domain(const std::string& host) {
  const std::size_t dot = host.find('.');
  if (dot == std::string::npos) return host;
  const std::string rest = host.substr(dot + 1);
  return rest == "localdomain" || rest.find('.') != std::string::npos ? rest : host;
}

// The names under which mail for this host may come: in full, and those that inject completes.
std::string default_locals(const std::string& host) {
  const std::string domain = default_domain(host);
  std::string text = host + "\nlocalhost\n";
  const std::string full_localhost = "localhost." + domain;
  if (full_localhost != host) text += full_localhost + "\n";
  const std::string label = host.substr(0, host.find('.'));
  if (label != "localhost" && label + "." + domain == host) text += label + "\n";
  return text;
}

}  // namespace porpoise
