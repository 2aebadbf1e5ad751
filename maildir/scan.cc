#include "maildir/scan.h"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <tuple>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::maildir {
namespace {

using posix::UniqueFd;

constexpr int kPatience = 3;  // times that a message is looked for anew while others rename it

std::string_view base_of(std::string_view name) {
  return name.substr(0, name.find(':'));
}

/// Takes `letter` and the digits after it from the front of `text`.
bool take_number(std::string_view& text, std::string_view letter, std::uint64_t& value) {
  if (!text.starts_with(letter)) return false;
  text.remove_prefix(letter.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// What orders messages, read once a name.
struct Age {
  std::uint64_t seconds = UINT64_MAX;
  std::uint64_t microseconds = 0;
  auto operator<=>(const Age&) const = default;
};

Age age_of(std::string_view base) {
  Age age;
  std::uint64_t seconds = 0;
  if (!take_number(base, "", seconds) || !base.starts_with('.')) return age;
  age.seconds = seconds;
  std::uint64_t microseconds = 0;
  if (take_number(base, ".M", microseconds)) age.microseconds = microseconds;
  return age;
}

// A name as the folder has it.
struct Found {
  Age age;
  std::string name;
  bool in_new = false;

  std::string_view base() const { return base_of(name); }
  bool operator<(const Found& other) const {
    return std::tuple(age, base(), !in_new) < std::tuple(other.age, other.base(), !other.in_new);
  }
};

// Which file a name leads to; nothing where it leads nowhere now.
std::optional<std::pair<dev_t, ino_t>> file_behind(int folder, const std::string& name) {
  struct stat st;
  if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return std::pair(st.st_dev, st.st_ino);
}

Result<std::int64_t> change_time(int folder, const std::string& what) {
  Result<struct stat> st = posix::stat_of(folder, what);
  if (!st) return failed(st);
  return st->st_mtim.tv_sec * 1'000'000'000 + st->st_mtim.tv_nsec;
}

Message message_of(Found&& found) {
  Message message;
  (found.in_new ? message.new_name : message.cur_name) = std::move(found.name);
  return message;
}

// Names of one base: those that lead to the same file are one message.
void add_group(std::span<Found> group, int new_folder, int cur_folder, std::vector<Message>& into) {
  if (group.size() == 1) {
    into.push_back(message_of(std::move(group[0])));
    return;
  }
  struct Known {
    std::pair<dev_t, ino_t> file;
    std::size_t index;
  };
  std::vector<Known> known;
  for (Found& found : group) {
    const auto file = file_behind(found.in_new ? new_folder : cur_folder, found.name);
    if (!file) continue;  // renamed while the folder was read; the other name is the one
    const auto same = std::ranges::find(known, *file, &Known::file);
    if (same == known.end()) {
      known.push_back({*file, into.size()});
      into.push_back(message_of(std::move(found)));
    } else {
      Message& message = into[same->index];
      (found.in_new ? message.new_name : message.cur_name) = std::move(found.name);
    }
  }
}

}  // namespace

std::string_view Message::base() const {
  return base_of(cur_name.empty() ? new_name : cur_name);
}

std::optional<std::uint64_t> size_in_name(std::string_view base) {
  std::uint64_t number = 0;
  for (const char* letter : {"", ".M", "P", "Q"}) {
    if (!take_number(base, letter, number)) return std::nullopt;
  }
  constexpr std::size_t kRandomDigits = 16;
  if (!base.starts_with('R') ||
      base.find_first_not_of("0123456789abcdef", 1) != kRandomDigits + 1 ||
      base[kRandomDigits + 1] != '.') {
    return std::nullopt;
  }
  const std::size_t sizes = base.rfind(",S=");
  if (sizes == std::string_view::npos) return std::nullopt;
  base.remove_prefix(sizes);
  std::uint64_t stored = 0, sent = 0;
  if (!take_number(base, ",S=", stored) || !take_number(base, ",W=", sent) || !base.empty() ||
      sent < stored) {
    return std::nullopt;
  }
  return sent;
}

bool delivered_before(std::string_view base, std::string_view other) {
  return std::tuple(age_of(base), base) < std::tuple(age_of(other), other);
}

Result<Scan> Scan::begin(const std::string& path, std::size_t max_messages) {
  Scan scan;
  scan.path_ = path;
  Result<UniqueFd> folder = posix::open_folder(posix::kHere, path);
  if (!folder) return failed(folder);
  scan.folder_ = std::move(*folder);
  for (auto [name, fd] : {std::pair("new", &scan.new_), std::pair("cur", &scan.cur_)}) {
    Result<UniqueFd> part = posix::open_folder(scan.folder(), name);
    if (!part)
      return posix::system_error(part.error().sys, fmt::format("opening {}/{}", path, name));
    *fd = std::move(*part);
  }
  if (Result<bool> done = scan.times_changed(); !done) return failed(done);
  if (Result<> done = scan.list(scan.messages_, max_messages); !done) return failed(done);
  return scan;
}

Result<> Scan::list(std::vector<Message>& into, std::size_t max_messages) const {
  std::vector<Found> all;
  const auto collect = [&](int folder, const char* name, bool in_new) {
    return posix::for_each_name(folder, fmt::format("{}/{}", path_, name), [&](const char* entry) {
      if (entry[0] == '.') return true;
      all.push_back({age_of(base_of(entry)), entry, in_new});
      return all.size() < max_messages;
    });
  };
  // new first: what is moved to cur meanwhile is seen twice, rather than not at all.
  if (Result<> done = collect(new_.get(), "new", true); !done) return done;
  if (all.size() < max_messages) {
    if (Result<> done = collect(cur_.get(), "cur", false); !done) return done;
  }
  std::ranges::sort(all, std::less());
  into.reserve(all.size());
  for (std::size_t from = 0, to; from < all.size(); from = to) {
    to = from + 1;
    while (to < all.size() && all[to].base() == all[from].base()) ++to;
    add_group(std::span(all).subspan(from, to - from), new_.get(), cur_.get(), into);
  }
  return {};
}

Result<bool> Scan::times_changed() {
  Result<std::int64_t> new_time = change_time(new_.get(), path_ + "/new");
  if (!new_time) return failed(new_time);
  Result<std::int64_t> cur_time = change_time(cur_.get(), path_ + "/cur");
  if (!cur_time) return failed(cur_time);
  const bool changed = *new_time != new_changed_ || *cur_time != cur_changed_;
  new_changed_ = *new_time;
  cur_changed_ = *cur_time;
  return changed;
}

// Learns the names anew; false where they cannot have changed. A folder's time moves in ticks, so
// one that looks unchanged is read once more before that is believed.
Result<bool> Scan::refresh() {
  Result<bool> changed = times_changed();
  if (!changed) return changed;
  if (!*changed && settled_) return false;
  settled_ = !*changed;

  std::vector<Message> now;
  if (Result<> done = list(now, kMaxScannedMessages); !done) return failed(done);
  // Both lists are in the same order. Where a base name stands for several messages, only as many
  // as before can be told apart.
  const auto same_base = [](const auto& from, auto end) {
    return std::find_if(from, end, [&](const Message& m) { return m.base() != from->base(); });
  };
  auto fresh = now.begin();
  for (auto from = messages_.begin(); from != messages_.end();) {
    const auto to = same_base(from, messages_.end());
    while (fresh != now.end() && delivered_before(fresh->base(), from->base())) ++fresh;
    if (fresh != now.end() && fresh->base() == from->base()) {
      const auto fresh_end = same_base(fresh, now.end());
      if (fresh_end - fresh == to - from) std::ranges::move(fresh, fresh_end, from);
      fresh = fresh_end;
    }
    from = to;
  }
  return true;
}

Result<UniqueFd> Scan::open_now(const Message& message) const {
  const bool in_cur = !message.cur_name.empty();
  Result<UniqueFd> fd =
      posix::open_at(in_cur ? cur_.get() : new_.get(), in_cur ? message.cur_name : message.new_name,
                     O_RDONLY | O_NONBLOCK);
  if (!fd && fd.error().sys == ENOENT && in_cur && !message.new_name.empty()) {
    fd = posix::open_at(new_.get(), message.new_name, O_RDONLY | O_NONBLOCK);
  }
  if (!fd) return fd;
  Result<struct stat> st = posix::stat_of(fd->get(), message.base());
  if (!st) return failed(st);
  if (!S_ISREG(st->st_mode))
    return posix::system_error(EINVAL, fmt::format("opening {}", message.base()));
  return fd;
}

Result<UniqueFd> Scan::open(std::size_t index) {
  for (int tries = 0;; ++tries) {
    Result<UniqueFd> fd = open_now(messages_[index]);
    if (fd || fd.error().sys != ENOENT || tries == kPatience) return fd;
    Result<bool> again = refresh();
    if (!again) return failed(again);
    if (!*again) return fd;
  }
}

Result<> Scan::remove(std::size_t index) {
  for (int tries = 0;; ++tries) {
    const Message& message = messages_[index];
    bool removed = false;
    for (const auto& [folder, name] :
         {std::pair(cur_.get(), message.cur_name), std::pair(new_.get(), message.new_name)}) {
      if (name.empty()) continue;
      Result<> done = posix::remove_file(folder, name);
      if (!done && done.error().sys != ENOENT) return done;
      removed = removed || done.has_value();
    }
    if (removed || tries == kPatience) return {};
    Result<bool> again = refresh();
    if (!again) return failed(again);
    if (!*again) return {};
  }
}

Result<> Scan::link_into_cur(std::size_t index) {
  Message& message = messages_[index];
  if (message.new_name.empty()) return {};
  if (message.cur_name.empty()) {
    const bool flagged = message.new_name.find(":2,") != std::string::npos;
    const std::string target =
        flagged ? message.new_name : fmt::format("{}:2,", base_of(message.new_name));
    if (::linkat(new_.get(), message.new_name.c_str(), cur_.get(), target.c_str(), 0) != 0) {
      const int err = errno;
      if (err == ENOENT) return {};  // somebody else has moved or removed it
      // A name that another message has is not overwritten; the same file is a move half done.
      if (err != EEXIST ||
          file_behind(new_.get(), message.new_name) != file_behind(cur_.get(), target)) {
        return posix::system_error(err, fmt::format("moving {} to cur", message.new_name));
      }
    }
    message.cur_name = target;
  }
  moved_.push_back(index);
  return {};
}

Result<> Scan::sync() {
  if (Result<> done = posix::sync(cur_.get(), path_ + "/cur"); !done) return done;
  return posix::sync(new_.get(), path_ + "/new");
}

Result<> Scan::unlink_moved() {
  Result<> all;
  for (std::size_t index : moved_) {
    Message& message = messages_[index];
    Result<> done = posix::remove_file(new_.get(), message.new_name);
    if (!done && done.error().sys != ENOENT) all = done;
    message.new_name.clear();
  }
  moved_.clear();
  return all;
}

void Scan::sweep_tmp(std::int64_t now_seconds) const {
  Result<UniqueFd> tmp = posix::open_folder(folder(), "tmp");
  if (!tmp) return;
  (void)posix::for_each_name(tmp->get(), path_ + "/tmp", [&](const char* name) {
    struct stat st;
    if (name[0] == '.' || ::fstatat(tmp->get(), name, &st, AT_SYMLINK_NOFOLLOW) != 0) return true;
    const std::int64_t touched = std::max(st.st_atim.tv_sec, st.st_mtim.tv_sec);
    if (S_ISREG(st.st_mode) && touched < now_seconds - kTmpSeconds) {
      (void)::unlinkat(tmp->get(), name, 0);
    }
    return true;
  });
}

}  // namespace porpoise::maildir
