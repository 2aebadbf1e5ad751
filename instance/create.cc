// Making a personal instance.
//
// Nothing a message will later be acknowledged under may vanish in a crash: every folder made here
// is on disk, and so is its entry in the folder above, before create() answers.

#include <sys/stat.h>
#include <unistd.h>

#include "instance/instance.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

using Report = std::function<void(const std::string&)>;

/// What to make below one folder, and what to tell of it. What is there already is kept, and not
/// told.
class Maker {
 public:
  Maker(int at, std::string shown, const Report& report)
      : at_(at), shown_(std::move(shown)), report_(report) {}

  Result<> folder(const std::string& name, mode_t mode) const {
    Result<> made = posix::make_folder(at_, name, mode);
    if (!made && made.error().sys == EEXIST) return {};
    if (!made) return named(made.error().sys, "making folder", name);
    report_(fmt::format("{}/{}/", shown_, name));
    return {};
  }

  Result<> fifo(const std::string& name, mode_t mode) const {
    if (::mkfifoat(at_, name.c_str(), mode) != 0) {
      if (errno == EEXIST) return {};
      return named(errno, "making", name);
    }
    report_(fmt::format("{}/{}", shown_, name));
    return {};
  }

  Result<> file(const std::string& name, const std::string& text) const {
    if (::faccessat(at_, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return {};
    Result<> done = posix::replace_file(at_, name, text, 0644);
    if (!done) return named(done.error().sys, "writing", name);
    report_(fmt::format("{}/{}: {}", shown_, name, text.substr(0, text.find('\n'))));
    return {};
  }

  Result<> sync(const std::string& name) const {
    Result<posix::UniqueFd> folder = posix::open_folder(at_, name);
    if (!folder) return named(folder.error().sys, "opening folder", name);
    return posix::sync(folder->get(), fmt::format("folder {}/{}", shown_, name));
  }

 private:
  tl::unexpected<Error> named(int err, std::string_view act, const std::string& name) const {
    return posix::system_error(err, fmt::format("{} {}/{}", act, shown_, name));
  }

  int at_;
  std::string shown_;
  const Report& report_;
};

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
Result<> check_top(int top, const std::string& path) {
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
  if (::fchmod(top, st->st_mode & 0755) != 0) {
    return posix::system_error(errno, fmt::format("setting the mode of {}", path));
  }
  return {};
}

Result<posix::UniqueFd> make_top(const std::string& path, const Report& report) {
  if (Result<> done = make_parents(path); !done) return failed(done);
  Result<> made = posix::make_folder(posix::kHere, path, 0700);
  if (!made && made.error().sys != EEXIST) return failed(made);
  if (made) report(path + "/");
  Result<posix::UniqueFd> top = posix::open_folder_long(path);
  if (!top) return top;
  if (Result<> done = check_top(top->get(), path); !done) return failed(done);
  if (Result<> done = sync_above(path); !done) return failed(done);
  return top;
}

Result<> make_folders(const Maker& maker) {
  struct Folder {
    const char* name;
    mode_t mode;
  };
  for (const Folder& f : {Folder{"control", 0755}, Folder{"alias", 0755}, Folder{"users", 0755},
                          Folder{"run", 0755}, Folder{"queue", 0700}, Folder{"queue/tmp", 0700},
                          Folder{"queue/incoming", 0700}, Folder{"queue/deferred", 0700},
                          Folder{"queue/deleted", 0700}, Folder{"queue/damaged", 0700}}) {
    if (Result<> done = maker.folder(f.name, f.mode); !done) return done;
  }
  if (Result<> done = maker.fifo("queue/trigger", 0600); !done) return done;
  for (const char* name : {"queue", "."}) {
    if (Result<> done = maker.sync(name); !done) return done;
  }
  return {};
}

// The domain of a host named in full. A host of two labels is its own: "test" and "org" are
// nobody's to complete names with.
std::string domain_of(const std::string& host) {
  const std::size_t dot = host.find('.');
  if (dot == std::string::npos) return host;
  const std::string rest = host.substr(dot + 1);
  return rest == "localdomain" || rest.find('.') != std::string::npos ? rest : host;
}

// The names under which mail for this host may come: in full, and those that inject completes.
std::string locals_of(const std::string& host, const std::string& domain) {
  std::string text = host + "\nlocalhost\n";
  const std::string full_localhost = "localhost." + domain;
  if (full_localhost != host) text += full_localhost + "\n";
  const std::string label = host.substr(0, host.find('.'));
  if (label != "localhost" && label + "." + domain == host) text += label + "\n";
  return text;
}

Result<> write_files(const Maker& maker, const Owner& owner, const std::string& host) {
  const std::string domain = domain_of(host);
  const std::string to_owner = fmt::format("&{}\n", owner.name);
  struct File {
    const char* name;
    std::string text;
  };
  // control/me makes it an instance: last, so that half of one is never taken for a whole.
  for (const File& f :
       {File{"control/owner", owner.line() + "\n"}, File{"control/defaultdomain", domain + "\n"},
        File{"control/locals", locals_of(host, domain)},
        File{"control/defaultdelivery", "./Maildir/\n"}, File{"alias/.qmail-root", to_owner},
        File{"alias/.qmail-postmaster", to_owner}, File{"alias/.qmail-mailer-daemon", to_owner},
        File{"control/me", host + "\n"}}) {
    if (Result<> done = maker.file(f.name, f.text); !done) return done;
  }
  return {};
}

Result<> make_mailbox(const Owner& owner, const Report& report) {
  Result<posix::UniqueFd> home = posix::open_folder(posix::kHere, owner.home);
  if (!home) {
    return posix::system_error(home.error().sys,
                               fmt::format("opening the home {} of {}", owner.home, owner.name));
  }
  const Maker maker(home->get(), owner.home, report);
  for (const char* name : {"Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"}) {
    if (Result<> done = maker.folder(name, 0700); !done) return done;
  }
  for (const char* name : {"Maildir", "."}) {
    if (Result<> done = maker.sync(name); !done) return done;
  }
  return {};
}

}  // namespace

Result<> Instance::create(const std::string& asked, const Owner& owner, const std::string& host,
                          const Report& report) {
  const std::string path = asked.substr(0, asked.find_last_not_of('/') + 1);
  Result<posix::UniqueFd> top = make_top(path, report);
  if (!top) return failed(top);
  const Maker maker(top->get(), path, report);
  if (Result<> done = make_folders(maker); !done) return done;
  if (Result<> done = make_mailbox(owner, report); !done) return done;
  return write_files(maker, owner, host);
}

}  // namespace porpoise
