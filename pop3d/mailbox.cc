#include "pop3d/mailbox.h"

#include <algorithm>
#include <fcntl.h>

#include "libmail/wire_text.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"

namespace porpoise::pop3d {
namespace {

constexpr const char* kLockName = ".pop3lock";
constexpr std::size_t kMaxUidOctets = 70;
constexpr std::size_t kHashDigits = 32;
constexpr std::size_t kReadOctets = 65536;

// FNV-1a of 128 bits. Nobody but the mailbox's owner chooses file names, so that distinct is
// enough and hard to forge is not needed.
std::string hash_of(std::string_view text) {
  __extension__ typedef unsigned __int128 Wide;
  constexpr Wide prime = (Wide{1} << 88) + 0x13b;
  Wide hash = (Wide{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
  return fmt::format("~{:016x}{:016x}", static_cast<std::uint64_t>(hash >> 64),
                     static_cast<std::uint64_t>(hash));
}

// A name that could be taken for such a hash is hashed itself.
bool looks_hashed(std::string_view base) {
  return base.size() == kHashDigits + 1 && base.front() == '~' &&
         base.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

bool is_valid_uid(std::string_view base) {
  return !base.empty() && base.size() <= kMaxUidOctets &&
         std::ranges::all_of(base, [](char c) { return c >= 0x21 && c <= 0x7e; });
}

bool goes_without_lock(int err) {
  return err == EROFS || err == EACCES || err == EPERM || err == ENOSPC || err == EDQUOT;
}

Result<posix::UniqueFd> lock_of(int folder, const std::string& path) {
  Result<posix::UniqueFd> fd = posix::open_at(folder, kLockName, O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!fd) return goes_without_lock(fd.error().sys) ? posix::UniqueFd() : std::move(fd);
  Result<bool> got = posix::try_lock(fd->get(), fmt::format("{}/{}", path, kLockName));
  if (!got) return failed(got);
  if (!*got) return posix::trouble(EBUSY, fmt::format("locking {}/{}", path, kLockName));
  return fd;
}

}  // namespace

std::string unique_id(std::string_view base, std::size_t copy) {
  if (copy > 0) return hash_of(fmt::format("{}/{}", base, copy));
  return is_valid_uid(base) && !looks_hashed(base) ? std::string(base) : hash_of(base);
}

Result<Mailbox> Mailbox::open(const std::string& path) {
  Result<posix::UniqueFd> folder = posix::open_folder(posix::kHere, path);
  if (!folder) return failed(folder);
  Result<posix::UniqueFd> lock = lock_of(folder->get(), path);
  if (!lock) return failed(lock);
  Result<maildir::Scan> scan = maildir::Scan::begin(path);
  if (!scan) return failed(scan);
  return Mailbox(std::move(*scan), std::move(*lock));
}

std::vector<Entry> Mailbox::entries() const {
  std::vector<Entry> entries;
  entries.reserve(scan_.messages().size());
  std::string_view before;
  std::size_t copy = 0;
  for (const maildir::Message& message : scan_.messages()) {
    const std::string_view base = message.base();
    copy = !entries.empty() && base == before ? copy + 1 : 0;
    before = base;
    Entry& entry = entries.emplace_back();
    entry.uid = unique_id(base, copy);
    entry.size = maildir::size_in_name(base);
  }
  return entries;
}

Result<std::uint64_t> Mailbox::measure(std::size_t number) {
  Result<posix::UniqueFd> fd = open_message(number);
  if (!fd) return failed(fd);
  mail::WireText wire;
  std::string room(kReadOctets, '\0');
  for (;;) {
    Result<std::size_t> n = posix::read_some(fd->get(), room, "a message");
    if (!n) return failed(n);
    if (*n == 0) break;
    wire.count(std::string_view(room).substr(0, *n));
  }
  wire.finish();
  return wire.octets();
}

Mailbox::Committed Mailbox::commit(const std::vector<Entry>& entries) {
  Committed done;
  bool changed = false;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].deleted) {
      changed = true;
      if (!scan_.remove(i)) ++done.failures;
    } else if (entries[i].retrieved && !scan_.messages()[i].new_name.empty()) {
      changed = true;
      (void)scan_.link_into_cur(i);
    }
  }
  if (!changed) return done;
  if (!scan_.sync()) {
    done.durable = false;  // the new names may not last: the old ones stay
    return done;
  }
  (void)scan_.unlink_moved();
  return done;
}

}  // namespace porpoise::pop3d
