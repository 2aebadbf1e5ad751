// Making a system instance, as root. What lies in a folder of somebody else's is made with that
// one's rights: a file of root's own, or a change of owner, could be led astray in there.

#include <sys/stat.h>
#include <unistd.h>

#include "instance/instance.h"
#include "instance/maker.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

Result<> acting_as(const Identity& who, const std::function<Result<>()>& act) {
  const gid_t group = ::getegid();
  if (::setegid(who.gid) != 0 || ::seteuid(who.uid) != 0) {
    (void)::setegid(group);
    return posix::system_error(errno, fmt::format("becoming {}", who.name));
  }
  Result<> done = act();
  if (::seteuid(0) != 0 || ::setegid(group) != 0) {
    return posix::system_error(errno, "becoming root again");
  }
  return done;
}

Result<posix::UniqueFd> open_in(int top, const std::string& path, const std::string& name) {
  Result<posix::UniqueFd> folder = posix::open_folder(top, name);
  if (!folder) {
    return posix::system_error(folder.error().sys, fmt::format("opening {}/{}", path, name));
  }
  return folder;
}

// Of the usual instance it is where a system's configuration is looked for.
Result<> make_control(const Maker& top, const std::string& path, const Maker::Report& report) {
  if (path != Instance::system_path()) return top.folder("control", 0755);
  Result<posix::UniqueFd> folder = posix::open_folder(posix::kHere, "/etc");
  if (!folder) return failed(folder);
  const Maker etc(folder->get(), "/etc", report);
  if (Result<> done = etc.folder("porpoise", 0755); !done) return done;
  if (Result<> done = etc.sync("."); !done) return done;
  return top.link("control", "/etc/porpoise");
}

// It may have been there before us, and decides who becomes what.
Result<> check_control(int top, const std::string& path) {
  Result<posix::UniqueFd> control = open_in(top, path, "control");
  if (!control) return failed(control);
  Result<struct stat> st = posix::stat_of(control->get(), path + "/control");
  if (!st) return failed(st);
  if (st->st_uid == 0 && (st->st_mode & 022) == 0) return {};
  return permanent(
      "{}/control is there already, and has to belong to root, who alone may write to it", path);
}

Result<> make_queue(int top, const std::string& path, const Maker::Report& report) {
  Result<posix::UniqueFd> queue = open_in(top, path, "queue");
  if (!queue) return failed(queue);
  const Maker maker(queue->get(), path + "/queue", report);
  for (const char* name : {"tmp", "incoming", "deferred", "deleted", "damaged"}) {
    if (Result<> done = maker.folder(name, 0700); !done) return done;
  }
  if (Result<> done = maker.fifo("trigger", 0600); !done) return done;
  return maker.sync(".");
}

Result<> make_alias(int top, const std::string& path, const std::string& to_root,
                    const Maker::Report& report) {
  Result<posix::UniqueFd> alias = open_in(top, path, "alias");
  if (!alias) return failed(alias);
  const Maker maker(alias->get(), path + "/alias", report);
  for (const char* name : {"Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"}) {
    if (Result<> done = maker.folder(name, 0700); !done) return done;
  }
  if (Result<> done = maker.sync("Maildir"); !done) return done;
  if (Result<> done = maker.file(".qmail-root", to_root + "\n"); !done) return done;
  for (const char* name : {".qmail-postmaster", ".qmail-mailer-daemon"}) {
    if (Result<> done = maker.file(name, "&root\n"); !done) return done;
  }
  return maker.sync(".");
}

Result<> write_control(int top, const std::string& path, const Identities& identities,
                       const std::string& host, const Maker::Report& report) {
  Result<posix::UniqueFd> control = open_in(top, path, "control");
  if (!control) return failed(control);
  const Maker maker(control->get(), path + "/control", report);
  struct File {
    const char* name;
    std::string text;
  };
  // me makes it an instance: last, so that half of one is never taken for a whole.
  for (const File& f :
       {File{"system", identities.text()}, File{"defaultdomain", default_domain(host) + "\n"},
        File{"locals", default_locals(host)}, File{"defaultdelivery", "./Maildir/\n"},
        File{"me", host + "\n"}}) {
    if (Result<> done = maker.file(f.name, f.text); !done) return done;
  }
  return maker.sync(".");
}

Result<> make_all(int top, const std::string& path, const Identities& who, const std::string& host,
                  const std::string& to_root, const Maker::Report& report) {
  const Maker maker(top, path, report);
  if (::faccessat(top, "control/owner", F_OK, 0) == 0) {
    return permanent("{} is a personal instance already", path);
  }
  if (Result<> done = make_control(maker, path, report); !done) return done;
  if (Result<> done = check_control(top, path); !done) return done;
  for (const char* name : {"users", "run"}) {
    if (Result<> done = maker.folder(name, 0755); !done) return done;
  }
  if (Result<> done = maker.folder_of(who.queue, "queue", 0700); !done) return done;
  if (Result<> done = maker.folder_of(who.alias, "alias", 0755); !done) return done;
  Result<> done = acting_as(who.queue, [&] { return make_queue(top, path, report); });
  if (done) {
    done = acting_as(who.alias, [&] { return make_alias(top, path, to_root, report); });
  }
  if (done) done = maker.sync(".");
  return done ? write_control(top, path, who, host, report) : done;
}

// One that is there already is to be right as it is: nothing is mended behind anybody's back.
Result<> check_existing(const std::string& path, const Identities& identities) {
  Result<Instance> there = Instance::open(path);
  if (!there || !there->is_system()) return {};  // or the start of one: the rest is made
  if (there->identities() != identities) {
    return permanent(
        "instance {}: control/system and the password file do not agree; it would have to say\n{}",
        path, identities.text());
  }
  return there->require_layout();
}

}  // namespace

const char* Instance::system_path() {
  return "/var/lib/porpoise";
}

Result<> Instance::create_system(const std::string& asked, const Identities& identities,
                                 const std::string& host, const std::string& to_root,
                                 const std::function<void(const std::string&)>& report) {
  const std::string path = asked.substr(0, asked.find_last_not_of('/') + 1);
  if (Result<> done = check_existing(path, identities); !done) return done;
  const mode_t before = ::umask(022);
  Result<posix::UniqueFd> top = make_top(path, 0755, report);
  Result<> done = top ? make_all(top->get(), path, identities, host, to_root, report)
                      : Result<>(tl::make_unexpected(top.error()));
  (void)::umask(before);
  return done;
}

}  // namespace porpoise
