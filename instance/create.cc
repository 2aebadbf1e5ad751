// Making a personal instance.

#include <sys/stat.h>
#include <unistd.h>

#include "instance/instance.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

using Report = std::function<void(const std::string&)>;

// What was there already is kept, and not reported.
Result<> add_folder(int at, const std::string& name, mode_t mode, const std::string& shown,
                    const Report& report) {
  Result<> made = posix::make_folder(at, name, mode);
  if (made) {
    report(shown + "/");
    return made;
  }
  return made.error().sys == EEXIST ? Result<>() : made;
}

Result<> add_file(int at, const std::string& name, const std::string& text,
                  const std::string& shown, const Report& report) {
  if (::faccessat(at, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return {};
  if (Result<> done = posix::replace_file(at, name, text, 0644); !done) return done;
  report(fmt::format("{}: {}", shown, text.substr(0, text.find('\n'))));
  return {};
}

// mkdir -p; the folders above get the usual mode.
Result<> parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    Result<> made = posix::make_folder(posix::kHere, path.substr(0, slash), 0755);
    if (!made && made.error().sys != EEXIST) return made;
  }
  return {};
}

Result<> mailbox(const Owner& owner, const Report& report) {
  Result<posix::UniqueFd> home = posix::open_folder(posix::kHere, owner.home);
  if (!home) return failed(home);
  const std::string shown = owner.home + "/Maildir";
  Result<> made = posix::make_folder(home->get(), "Maildir", 0700);
  if (!made) return made.error().sys == EEXIST ? Result<>() : made;
  for (const char* name : {"Maildir/tmp", "Maildir/new", "Maildir/cur"}) {
    if (made = posix::make_folder(home->get(), name, 0700); !made) return made;
  }
  report(shown + "/");
  return {};
}

}  // namespace

Result<> Instance::create(const std::string& path, const Owner& owner, const std::string& host,
                          const Report& report) {
  if (Result<> done = parents(path); !done) return done;
  if (Result<> done = add_folder(posix::kHere, path, 0700, path, report); !done) return done;
  Result<posix::UniqueFd> top = posix::open_folder_long(path);
  if (!top) return failed(top);
  const int at = top->get();

  struct Folder {
    const char* name;
    mode_t mode;
  };
  for (const Folder& f : {Folder{"control", 0755}, Folder{"alias", 0755}, Folder{"users", 0755},
                          Folder{"run", 0755}, Folder{"queue", 0700}, Folder{"queue/tmp", 0700},
                          Folder{"queue/incoming", 0700}, Folder{"queue/deferred", 0700},
                          Folder{"queue/deleted", 0700}, Folder{"queue/damaged", 0700}}) {
    if (Result<> done = add_folder(at, f.name, f.mode, fmt::format("{}/{}", path, f.name), report);
        !done)
      return done;
  }
  if (::mkfifoat(at, "queue/trigger", 0600) != 0 && errno != EEXIST) {
    return posix::system_error(errno, fmt::format("making {}/queue/trigger", path));
  }

  struct File {
    const char* name;
    std::string text;
  };
  const std::string to_owner = fmt::format("&{}\n", owner.name);
  for (const File& f :
       {File{"control/owner", owner.line() + "\n"}, File{"control/me", host + "\n"},
        File{"control/locals", host + "\nlocalhost\n"},
        File{"control/defaultdelivery", "./Maildir/\n"}, File{"alias/.qmail-root", to_owner},
        File{"alias/.qmail-postmaster", to_owner}, File{"alias/.qmail-mailer-daemon", to_owner}}) {
    if (Result<> done = add_file(at, f.name, f.text, fmt::format("{}/{}", path, f.name), report);
        !done)
      return done;
  }
  return mailbox(owner, report);
}

}  // namespace porpoise
