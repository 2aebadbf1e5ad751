// Making a personal instance.

#include "instance/instance.h"
#include "instance/maker.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

using Report = Maker::Report;

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

Result<> write_files(const Maker& maker, const Owner& owner, const std::string& host) {
  const std::string to_owner = fmt::format("&{}\n", owner.name);
  struct File {
    const char* name;
    std::string text;
  };
  // control/me makes it an instance: last, so that half of one is never taken for a whole.
  for (const File& f :
       {File{"control/owner", owner.line() + "\n"},
        File{"control/defaultdomain", default_domain(host) + "\n"},
        File{"control/locals", default_locals(host)},
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
  Result<posix::UniqueFd> top = make_top(path, 0700, report);
  if (!top) return failed(top);
  const Maker maker(top->get(), path, report);
  if (Result<> done = make_folders(maker); !done) return done;
  if (Result<> done = make_mailbox(owner, report); !done) return done;
  return write_files(maker, owner, host);
}

}  // namespace porpoise
