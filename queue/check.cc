#include "queue/check.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/program.h"
#include "queue/content.h"
#include "queue/look.h"
#include "queue/salvage.h"
#include "queue/schedule.h"
#include "queue/spool.h"

namespace porpoise::queue {
namespace {

constexpr std::int64_t kOldSeconds = 129'600;  // then what is in tmp/ is nobody's any more
constexpr std::chrono::seconds kPatience(2);   // with a send that is ending

using Mend = std::function<Result<>()>;

// One message to look at.
struct Spot {
  Place place;
  int at;            // its folder
  std::string name;  // in there
  std::string path;  // as it is told
};

class Checker {
 public:
  Checker(const Instance& instance, bool repair, const std::function<void(const Finding&)>& tell)
      : instance_(instance), repair_(repair), tell_(tell) {}

  Result<CheckResult> run();

 private:
  void found(const std::string& path, const std::string& what, const std::string& done,
             const Mend& mend);
  void left(const std::string& path, const std::string& what) { found(path, what, "", {}); }
  void note(const std::string& path, const std::string& what);

  Result<> check_folders();
  Result<> check_folder(const char* name);
  Result<> take_lock();
  bool live() const;
  Result<> check_top();
  void check_trigger();
  void check_lock_file();
  void check_schedule();
  Result<> check_tmp();
  Result<> check_incoming();
  Result<> check_deferred();
  Result<> check_kept(const char* name);

  void check_both_names(const Id& id);
  void check_two_files(const Id& id);
  void check_message(const Spot& where, const Id& id);
  void check_owner_and_mode(const Spot& where, const struct stat& st);
  void check_whole(const Spot& where, const Id& id, File& file, const struct stat& st);
  void damaged(const Spot& where, const Id& id, const Error& why);
  void stray(const Spot& where);
  void stray_file(const Spot& where);
  Result<bool> is_message_elsewhere(const Spot& where);
  Result<> set_aside(const Spot& where) { return spool_->set_aside(where.at, where.name); }
  Result<> put_in_place(const Spot& where, const Id& id);
  Result<bool> exists(const Id& id, Place place) const;
  Result<bool> exists(const Id& id) const;

  const Instance& instance_;
  bool repair_;
  const std::function<void(const Finding&)>& tell_;
  posix::UniqueFd queue_;
  std::optional<Spool> spool_;
  CheckResult result_;
};

std::string shown(std::string_view path) {
  return posix::printable(path);
}

Result<std::vector<std::string>> names_in(int folder, std::string_view what) {
  std::vector<std::string> names;
  Result<> done = posix::for_each_name(folder, what, [&](const char* name) {
    names.emplace_back(name);
    return true;
  });
  if (!done) return failed(done);
  std::ranges::sort(names);
  return names;
}

Result<> mended(int result, std::string_view act) {
  if (result == 0) return {};
  return posix::system_error(errno, act);
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISREG(mode)) return "a file";
  return "a special file";
}

// ---- telling

void Checker::found(const std::string& path, const std::string& what, const std::string& done,
                    const Mend& mend) {
  Finding finding{.path = shown(path), .what = shown(what), .done = {}, .end = Finding::End::left};
  if (repair_ && mend) {
    const Result<> mended = mend();
    if (mended) finding.end = Finding::End::repaired;
    finding.done = shown(mended ? done : mended.error().text);
  }
  ++result_.found;
  if (finding.end == Finding::End::repaired) ++result_.repaired;
  tell_(finding);
}

void Checker::note(const std::string& path, const std::string& what) {
  tell_({.path = shown(path), .what = shown(what), .done = {}, .end = Finding::End::note});
}

// ---- folders and what else there is

Result<CheckResult> Checker::run() {
  if (Result<> done = check_folders(); !done) return failed(done);
  Result<Spool> spool = Spool::open(instance_);
  if (!spool) return failed(spool);
  spool_.emplace(std::move(*spool));
  check_lock_file();
  if (Result<> done = take_lock(); !done) return failed(done);
  for (const auto step : {&Checker::check_top, &Checker::check_tmp, &Checker::check_incoming,
                          &Checker::check_deferred}) {
    if (Result<> done = (this->*step)(); !done) return failed(done);
  }
  for (const char* name : {"damaged", "deleted"}) {
    if (Result<> done = check_kept(name); !done) return failed(done);
  }
  return result_;
}

Result<> Checker::take_lock() {
  if (!repair_) {
    result_.live = live();
    return {};
  }
  Result<bool> ours = spool_->try_lock(kPatience);
  if (!ours) return failed(ours);
  if (*ours) return {};
  return temporary("instance {}: send is running and has the queue's lock: stop it first",
                   instance_.path());
}

// Whether a send is at work, so that what is half done may be done in a moment.
bool Checker::live() const {
  return !repair_ && spool_->is_locked().value_or(true);
}

Result<> Checker::check_folders() {
  if (Result<> done = check_folder("queue"); !done) return done;
  Result<posix::UniqueFd> queue = instance_.open_folder("queue");
  if (!queue) return failed(queue);
  queue_ = std::move(*queue);
  for (const char* name :
       {"queue/tmp", "queue/incoming", "queue/deferred", "queue/deleted", "queue/damaged"}) {
    if (Result<> done = check_folder(name); !done) return done;
  }
  return {};
}

// Errors: without that folder there is nothing more to look at.
Result<> Checker::check_folder(const char* name) {
  const int top = instance_.folder();
  const std::string above(std::string_view(name).substr(0, std::string_view(name).rfind('/')));
  struct stat st;
  if (::fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return posix::system_error(errno, fmt::format("looking at {}", name));
    found(name, "there is no such folder", "made", [&]() -> Result<> {
      if (Result<> made = posix::make_folder(top, name, 0700); !made) return made;
      Result<posix::UniqueFd> folder = instance_.open_folder(above == name ? "." : above);
      if (!folder) return failed(folder);
      return posix::sync(folder->get(), above);
    });
    if (repair_ || above != "queue") return {};
    const bool needed =
        std::string_view(name) != "queue/deleted" && std::string_view(name) != "queue/damaged";
    return needed ? temporary("{}/{} is missing; --repair makes it", instance_.path(), name)
                  : Result<>();
  }
  if (!S_ISDIR(st.st_mode)) return permanent("{}/{} is no folder", instance_.path(), name);
  if (st.st_uid != ::geteuid()) {
    left(name, fmt::format("belongs to uid {}, and this queue to uid {}: a copy needs its owner "
                           "(chown -R)",
                           st.st_uid, ::geteuid()));
  }
  if ((st.st_mode & 07777) == 0700 || st.st_uid != ::geteuid()) return {};
  found(name, fmt::format("mode {:04o}, should be 0700", st.st_mode & 07777), "set",
        [&] { return mended(::fchmodat(top, name, 0700, 0), "setting the mode"); });
  return {};
}

Result<> Checker::check_top() {
  check_trigger();
  check_schedule();
  Result<std::vector<std::string>> names = names_in(queue_.get(), "queue");
  if (!names) return failed(names);
  const std::set<std::string> known = {"incoming", "deferred", "tmp",     "deleted",
                                       "damaged",  "lock",     "trigger", kScheduleName};
  for (const std::string& name : *names) {
    if (known.contains(name)) continue;
    const std::string path = "queue/" + name;
    if (name == kScheduleDraft) {
      if (live()) continue;
      found(path, "a schedule that was not finished", "removed",
            [&] { return posix::remove_file(queue_.get(), name); });
      continue;
    }
    stray({Place::incoming, queue_.get(), name, path});
  }
  return {};
}

void Checker::check_trigger() {
  const char* name = "trigger";
  const std::string path = "queue/trigger";
  const Mend make = [&] { return mended(::mkfifoat(queue_.get(), name, 0600), "making it"); };
  const Result<std::optional<struct stat>> seen = look(queue_.get(), name);
  if (!seen) return left(path, seen.error().text);
  if (!*seen) return found(path, "there is no trigger", "made", make);
  const struct stat& st = **seen;
  if (!S_ISFIFO(st.st_mode)) {
    return found(path, fmt::format("{}, should be a FIFO", kind_of(st.st_mode)),
                 "set aside into queue/damaged, and made", [&]() -> Result<> {
                   if (Result<> done = spool_->set_aside(queue_.get(), name); !done) return done;
                   return make();
                 });
  }
  if ((st.st_mode & 07777) == 0600 || st.st_uid != ::geteuid()) return;
  found(path, fmt::format("mode {:04o}, should be 0600", st.st_mode & 07777), "set",
        [&] { return mended(::fchmodat(queue_.get(), name, 0600, 0), "setting the mode"); });
}

void Checker::check_lock_file() {
  const Result<std::optional<struct stat>> seen = look(queue_.get(), "lock");
  if (!seen) return left("queue/lock", seen.error().text);
  if (!*seen) return;  // it is made when needed
  const struct stat& st = **seen;
  if (!S_ISREG(st.st_mode)) {
    return left("queue/lock", fmt::format("{}, should be a file", kind_of(st.st_mode)));
  }
  // A copy of a read-only one: nobody could take it.
  if ((st.st_mode & 0600) == 0600 || st.st_uid != ::geteuid()) return;
  found("queue/lock", fmt::format("mode {:04o}, should be 0600", st.st_mode & 07777), "set",
        [&] { return mended(::fchmodat(queue_.get(), "lock", 0600, 0), "setting the mode"); });
}

void Checker::check_schedule() {
  Result<ScheduleReader> schedule = ScheduleReader::open(queue_.get());
  if (schedule || schedule.error().sys == ENOENT) return;
  if (schedule.error().sys != EBADMSG) return left("queue/schedule", schedule.error().text);
  // Send writes it whole, so this is none of its moments. Without one the logs are read.
  const Result<std::optional<struct stat>> seen = look(queue_.get(), kScheduleName);
  if (!seen) return left("queue/schedule", seen.error().text);
  if (!*seen) return;
  if (!S_ISREG((*seen)->st_mode)) {
    return found("queue/schedule", "not a regular file", "set aside into queue/damaged",
                 [&] { return spool_->set_aside(queue_.get(), kScheduleName); });
  }
  found("queue/schedule", "damaged", "removed; send writes it anew",
        [&] { return remove_schedule(queue_.get()); });
}

Result<> Checker::check_tmp() {
  Result<std::vector<std::string>> names = names_in(spool_->tmp(), "queue/tmp");
  if (!names) return failed(names);
  const std::int64_t now = posix::wall_us() / 1'000'000;
  for (const std::string& name : *names) {
    const std::string path = "queue/tmp/" + name;
    const Result<std::optional<struct stat>> seen = look(spool_->tmp(), name);
    if (!seen) left(path, seen.error().text);
    if (!seen || !*seen) continue;
    const struct stat& st = **seen;
    if (S_ISDIR(st.st_mode)) {
      stray({Place::incoming, spool_->tmp(), name, path});
      continue;
    }
    // A younger one may be a message on its way in.
    const std::int64_t touched = std::max<std::int64_t>(st.st_mtime, st.st_ctime);
    if (touched >= now - kOldSeconds) continue;
    found(path, "left over from long ago", "removed",
          [&] { return posix::remove_file(spool_->tmp(), name); });
  }
  return {};
}

// What others may want to look at: told, and left.
Result<> Checker::check_kept(const char* name) {
  Result<posix::UniqueFd> folder = posix::open_folder(queue_.get(), name);
  if (!folder && folder.error().sys == ENOENT) return {};
  if (!folder) return failed(folder);
  Result<std::vector<std::string>> names = names_in(folder->get(), name);
  if (!names) return failed(names);
  if (!names->empty()) note(fmt::format("queue/{}", name), fmt::format("{} files", names->size()));
  return {};
}

// ---- messages

Result<bool> Checker::exists(const Id& id, Place place) const {
  const bool is_new = place == Place::incoming;
  const std::string path = is_new ? id.text() : fmt::format("{}/{}", id.folder(), id.text());
  return is_there(is_new ? spool_->incoming() : spool_->deferred(), path);
}

Result<bool> Checker::exists(const Id& id) const {
  Result<bool> there = exists(id, Place::incoming);
  return there && !*there ? exists(id, Place::deferred) : there;
}

Result<> Checker::check_incoming() {
  Result<std::vector<std::string>> names = names_in(spool_->incoming(), "queue/incoming");
  if (!names) return failed(names);
  for (const std::string& name : *names) {
    const Spot where{Place::incoming, spool_->incoming(), name, "queue/incoming/" + name};
    const std::optional<Id> id = Id::parse(name);
    if (!id) {
      stray(where);
      continue;
    }
    const Result<bool> waits = exists(*id, Place::deferred);
    if (!waits) left(where.path, waits.error().text);
    if (waits && *waits) check_both_names(*id);
    check_message(where, *id);
  }
  return {};
}

Result<> Checker::check_deferred() {
  Result<std::vector<std::string>> folders = names_in(spool_->deferred(), "queue/deferred");
  if (!folders) return failed(folders);
  for (const std::string& folder : *folders) {
    const std::string path = "queue/deferred/" + folder;
    const Spot where{Place::deferred, spool_->deferred(), folder, path};
    const Result<std::optional<struct stat>> seen = look(where.at, folder);
    if (!seen) left(path, seen.error().text);
    if (!seen || !*seen) continue;
    const struct stat& st = **seen;
    const bool valid = folder.size() == 2 && Id::parse(std::string(18, '0') + folder);
    Result<posix::UniqueFd> fd = posix::open_folder(where.at, folder);
    if (!S_ISDIR(st.st_mode) || (!fd && fd.error().sys == ENOTDIR)) {
      stray(where);
      continue;
    }
    if (st.st_uid == ::geteuid() && (st.st_mode & 07777) != 0700) {
      found(path, fmt::format("mode {:04o}, should be 0700", st.st_mode & 07777), "set",
            [&] { return mended(::fchmodat(where.at, folder.c_str(), 0700, 0), "setting it"); });
      fd = posix::open_folder(where.at, folder);
    }
    Result<std::vector<std::string>> names =
        fd ? names_in(fd->get(), path) : Result<std::vector<std::string>>(failed(fd));
    if (!names) {
      left(path, names.error().text);
      continue;
    }
    for (const std::string& name : *names) {
      const Spot message{Place::deferred, fd->get(), name, fmt::format("{}/{}", path, name)};
      const std::optional<Id> id = Id::parse(name);
      const bool ours = id && id->folder() == folder;
      ours ? check_message(message, *id) : stray(message);
    }
    if (!valid) stray(where);
  }
  return {};
}

// A message on its way is in both places: linked, and not yet unlinked.
void Checker::check_both_names(const Id& id) {
  const auto a = look(spool_->incoming(), id.text());
  const auto b = look(spool_->deferred(), fmt::format("{}/{}", id.folder(), id.text()));
  if (!a || !b) return left("queue/incoming/" + id.text(), (a ? b : a).error().text);
  if (!*a || !*b) return;
  if ((*a)->st_dev != (*b)->st_dev || (*a)->st_ino != (*b)->st_ino) return check_two_files(id);
  if (live()) return;
  found("queue/incoming/" + id.text(), "half moved to deferred/", "moved", [&]() -> Result<> {
    if (Result<> done = spool_->move_to_deferred(id); !done) return done;
    return posix::sync(spool_->incoming(), "queue/incoming");
  });
}

// The one that is whole and knows more stays.
void Checker::check_two_files(const Id& id) {
  const auto worth = [&](int at, const std::string& path) -> Result<std::uint64_t> {
    Result<File> file = File::open(at, path, id, File::Access::read);
    Result<> whole = file ? check_content(*file) : Result<>(failed(file));
    if (!whole && whole.error().sys != EBADMSG) return failed(whole);
    if (!whole) return 0;
    return (std::uint64_t{file->header().generation} << 40) + file->octets();
  };
  const std::string waits = fmt::format("{}/{}", id.folder(), id.text());
  const Result<std::uint64_t> waiting = worth(spool_->deferred(), waits);
  const Result<std::uint64_t> fresh = worth(spool_->incoming(), id.text());
  if (!waiting || !fresh) {
    return left("queue/incoming/" + id.text(), (waiting ? fresh : waiting).error().text);
  }
  const bool keep_waiting = *waiting >= *fresh;
  found("queue/incoming/" + id.text(), "another file of that id is in deferred/",
        fmt::format("the {} one is set aside into queue/damaged", keep_waiting ? "new" : "waiting"),
        [&] {
          return keep_waiting ? spool_->set_aside(id, Place::incoming)
                              : spool_->set_aside(id, Place::deferred);
        });
}

void Checker::check_message(const Spot& where, const Id& id) {
  const Result<std::optional<struct stat>> seen = look(where.at, where.name);
  if (!seen) return left(where.path, seen.error().text);
  if (!*seen) return;
  const struct stat& st = **seen;
  if (!S_ISREG(st.st_mode)) return stray(where);
  ++result_.messages;
  result_.octets += static_cast<std::uint64_t>(st.st_size);
  check_owner_and_mode(where, st);
  Result<File> file = File::open(where.at, where.name, id, File::Access::read);
  if (!file && live() && file.error().sys == EBADMSG) {  // read while it was written to?
    file = File::open(where.at, where.name, id, File::Access::read);
  }
  if (!file && file.error().sys == ENOENT) return;
  if (!file && file.error().sys != EBADMSG) return left(where.path, file.error().text);
  if (!file) return damaged(where, id, file.error());
  check_whole(where, id, *file, st);
}

void Checker::check_owner_and_mode(const Spot& where, const struct stat& st) {
  if (st.st_uid != ::geteuid()) {
    return left(where.path, fmt::format("belongs to uid {}, and this queue to uid {}: a copy needs "
                                        "its owner (chown -R)",
                                        st.st_uid, ::geteuid()));
  }
  if ((st.st_mode & 07777) == 0600) return;
  found(where.path, fmt::format("mode {:04o}, should be 0600", st.st_mode & 07777), "set", [&] {
    return mended(::fchmodat(where.at, where.name.c_str(), 0600, 0), "setting the mode");
  });
}

void Checker::check_whole(const Spot& where, const Id& id, File& file, const struct stat& st) {
  const Result<> content = check_content(file);
  if (!content && content.error().sys == EBADMSG) return damaged(where, id, content.error());
  if (!content) return left(where.path, content.error().text);
  const auto size = static_cast<std::uint64_t>(st.st_size);
  const bool nothing_to_tell = size <= file.octets() && st.st_nlink == 1 &&
                               (where.place == Place::deferred || file.state().next_us == 0);
  if (nothing_to_tell || live()) return;
  if (size > file.octets()) {
    found(where.path, fmt::format("a torn record of {} octets at its end", size - file.octets()),
          "cut off", [&]() -> Result<> {
            Result<File> cut = spool_->open_to_append(id);
            return cut ? Result<>() : failed(cut);
          });
  }
  const Result<bool> is_new = exists(id, Place::incoming), waits = exists(id, Place::deferred);
  if (!is_new || !waits) return left(where.path, (is_new ? waits : is_new).error().text);
  const bool half_moved = *is_new && *waits;
  if (st.st_nlink > 1 && !half_moved) {
    found(where.path, fmt::format("has {} names, of which this queue knows one", st.st_nlink),
          "written anew", [&]() -> Result<> {
            Result<File> anew = spool_->write_anew(file, {});
            return anew ? Result<>() : failed(anew);
          });
  }
  if (where.place == Place::incoming && file.state().next_us != 0) {
    found(where.path, "has been put off, and belongs into deferred/", "moved", [&]() -> Result<> {
      if (Result<> done = spool_->move_to_deferred(id); !done) return done;
      return posix::sync(spool_->incoming(), "queue/incoming");
    });
  }
}

// Where envelope and content are whole it is written anew with what its log can prove, and the old
// file is kept, too.
void Checker::damaged(const Spot& where, const Id& id, const Error& why) {
  const std::string what = why.text.substr(why.text.find(" is ") + 4);
  Result<posix::UniqueFd> fd = posix::open_at(where.at, where.name, O_RDONLY | O_NOFOLLOW);
  Result<Salvage> provable = fd ? salvage(fd->get(), id) : Result<Salvage>(failed(fd));
  // It could not be read now: that says nothing about what could be proved.
  if (!provable && provable.error().sys != EBADMSG) {
    return left(where.path, fmt::format("{}; {}", what, provable.error().text));
  }
  if (!provable) {
    return found(where.path, what, "set aside into queue/damaged",
                 [&] { return set_aside(where); });
  }
  found(where.path, what,
        fmt::format("written anew with {} records of its log; the old file is in queue/damaged",
                    provable->records.size()),
        [&]() -> Result<> {
          Result<> done = spool_->set_aside(where.at, where.name, true);
          if (!done) return done;
          return spool_->replace(id,
                                 [&](int to) { return write_salvaged(*provable, fd->get(), to); });
        });
}

// ---- what does not belong where it is

void Checker::stray(const Spot& where) {
  const Result<std::optional<struct stat>> seen = look(where.at, where.name);
  if (!seen) return left(where.path, seen.error().text);
  if (!*seen) return;
  const struct stat& st = **seen;
  if (S_ISREG(st.st_mode)) return stray_file(where);
  if (S_ISDIR(st.st_mode)) {
    return found(where.path, "a folder that does not belong here", "removed, being empty", [&] {
      return mended(::unlinkat(where.at, where.name.c_str(), AT_REMOVEDIR), "removing it");
    });
  }
  found(where.path, fmt::format("{} that does not belong here", kind_of(st.st_mode)),
        "set aside into queue/damaged", [&] { return set_aside(where); });
}

void Checker::stray_file(const Spot& where) {
  if (is_anew_name(where.name)) {
    if (live()) return;
    const std::optional<Id> id = Id::parse(where.name.substr(0, Id::kLength));
    const Result<bool> there = exists(*id);
    if (!there) return left(where.path, there.error().text);
    if (*there) {
      return found(where.path, "left from a message that was to be written anew", "removed",
                   [&] { return posix::remove_file(where.at, where.name); });
    }
  }
  if (where.at != queue_.get()) {
    const Result<bool> is_message = is_message_elsewhere(where);
    if (!is_message) return left(where.path, is_message.error().text);
    if (*is_message) return;
  }
  found(where.path, "a file that does not belong here", "set aside into queue/damaged",
        [&] { return set_aside(where); });
}

// A whole message under a wrong name or in a wrong folder is given its own. True: it was one.
// Errors: it cannot be told now.
Result<bool> Checker::is_message_elsewhere(const Spot& where) {
  Result<posix::UniqueFd> fd = posix::open_at(where.at, where.name, O_RDONLY | O_NOFOLLOW);
  std::string head(Header::kOctets, '\0');
  if (!fd) return failed(fd);
  if (Result<std::size_t> n = posix::read_at(fd->get(), head, 0, where.path); !n) return failed(n);
  const std::optional<Header> header = Header::decode(head);
  if (!header) return false;
  const Id id = header->id;
  Result<File> file = File::open(where.at, where.name, id, File::Access::read);
  Result<> whole = file ? check_content(*file) : Result<>(failed(file));
  if (!whole && whole.error().sys != EBADMSG) return failed(whole);
  if (!whole) return false;
  Result<bool> there = exists(id);
  if (!there) return failed(there);
  if (*there) return false;
  found(where.path, fmt::format("this is message {}, under a wrong name", id.text()),
        "put in its place", [&] { return put_in_place(where, id); });
  return true;
}

// Link, sync, unlink: as every move.
Result<> Checker::put_in_place(const Spot& where, const Id& id) {
  const int to = where.place == Place::incoming ? spool_->incoming() : spool_->deferred();
  std::string path = id.text();
  if (where.place == Place::deferred) {
    Result<> made = posix::make_folder(to, id.folder(), 0700);
    if (!made && made.error().sys != EEXIST) return made;
    if (Result<> done = posix::sync(to, "queue/deferred"); !done) return done;
    path = fmt::format("{}/{}", id.folder(), id.text());
  }
  Result<> done = mended(::linkat(where.at, where.name.c_str(), to, path.c_str(), 0), "linking it");
  if (!done) return done;
  Result<posix::UniqueFd> folder =
      posix::open_folder(to, where.place == Place::incoming ? "." : id.folder());
  if (!folder) return failed(folder);
  done = posix::sync(folder->get(), "its folder");
  return done ? posix::remove_file(where.at, where.name) : done;
}

}  // namespace

Result<CheckResult> check(const Instance& instance, bool repair,
                          const std::function<void(const Finding&)>& tell) {
  return Checker(instance, repair, tell).run();
}

}  // namespace porpoise::queue
