#include "local/mbox.h"

#include <algorithm>
#include <cerrno>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/from_quoter.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/lock.h"

namespace porpoise::local {
namespace {

using posix::UniqueFd;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Both locks or none, so that two who take them in another order never wait for each other.
Result<bool> try_both_locks(int fd, const std::string& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return false;
    return posix::trouble(errno, fmt::format("locking {}", path));
  }
  Result<bool> got = posix::try_lock(fd, path);
  if (!got || !*got) (void)::flock(fd, LOCK_UN);
  return got;
}

// Whether `path` still names the file: a reader may have put another in its place.
bool is_still(const std::string& path, const struct stat& held) {
  struct stat now;
  return ::stat(path.c_str(), &now) == 0 && now.st_ino == held.st_ino && now.st_dev == held.st_dev;
}

struct Mailbox {
  UniqueFd fd;
  off_t size = 0;
  bool made = false;  // by us
};

Result<Mailbox> open_mailbox(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
  Result<UniqueFd> fd = posix::open_at(posix::kHere, path, kFlags | O_EXCL, 0600);
  const bool made = fd.has_value();
  if (!made) fd = posix::open_at(posix::kHere, path, kFlags, 0600);
  if (!fd) return failed(fd);
  return Mailbox{std::move(*fd), 0, made};
}

Result<Mailbox> open_locked(const std::string& path, milliseconds patience, HeldSignals& signals) {
  const auto end = steady_clock::now() + patience;
  for (milliseconds nap(1);; nap = std::min(nap * 2, milliseconds(100))) {
    Result<Mailbox> mailbox = open_mailbox(path);
    if (!mailbox) return temporary("{} (#4.2.1)", mailbox.error().text);
    const int fd = mailbox->fd.get();
    Result<struct stat> st = posix::stat_of(fd, path);
    if (!st) return temporary("{} (#4.2.1)", st.error().text);
    if (!S_ISREG(st->st_mode)) return temporary("{} is not a regular file (#4.2.1)", path);
    Result<bool> locked = try_both_locks(fd, path);
    if (!locked) return temporary("{} (#4.3.0)", locked.error().text);
    if (*locked && is_still(path, *st)) {
      if (st = posix::stat_of(fd, path); !st) return failed(st);
      mailbox->size = st->st_size;
      return mailbox;
    }
    if (steady_clock::now() + nap > end) {
      return temporary("{} stayed locked for {} seconds (#4.3.0)", path,
                       std::chrono::ceil<std::chrono::seconds>(patience).count());
    }
    if (signals.wait(nap) == HeldSignals::Woken::end) {
      return temporary("the delivery was told to end (#4.3.0)");
    }
  }
}

// What the last message lacks to be ended by an empty line: a crash of any writer leaves this.
Result<std::string_view> missing_end(const Mailbox& mailbox, const std::string& path) {
  if (mailbox.size == 0) return std::string_view();
  char last[2] = {'\n', '\n'};
  const off_t length = std::min<off_t>(mailbox.size, 2);
  Result<std::size_t> n =
      posix::read_at(mailbox.fd.get(), std::span(last).last(static_cast<std::size_t>(length)),
                     mailbox.size - length, path);
  if (!n) return failed(n);
  if (last[1] != '\n') return std::string_view("\n\n");
  return std::string_view(last[0] == '\n' ? "" : "\n");
}

Result<> append(const Mailbox& mailbox, const std::string& path, std::string_view head,
                int message) {
  Result<std::string_view> repair = missing_end(mailbox, path);
  if (!repair) return failed(repair);
  std::string out(*repair);
  out += head;
  FromQuoter quoter;
  char room[65536];
  for (off_t offset = 0;;) {
    Result<std::size_t> n = posix::read_at(message, room, offset, "the message");
    if (!n) return failed(n);
    if (*n == 0) break;
    offset += static_cast<off_t>(*n);
    quoter.feed({room, *n}, out);
    if (Result<> done = posix::write_all(mailbox.fd.get(), out, path); !done) return done;
    out.clear();
  }
  quoter.finish(out);
  if (Result<> done = posix::write_all(mailbox.fd.get(), out, path); !done) return done;
  return posix::sync(mailbox.fd.get(), path);
}

// A new mailbox is not there after a crash before its folder is synced.
Result<> sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string above = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Result<UniqueFd> folder = posix::open_folder(posix::kHere, above);
  if (!folder) return failed(folder);
  return posix::sync(folder->get(), above);
}

// A mailbox that we have made goes: were it kept, empty, the next delivery would sync its folder
// again, and after a failed sync that proves nothing.
Error rolled_back(Error error, const Mailbox& mailbox, const std::string& path) {
  if (mailbox.made && mailbox.size == 0 && ::unlink(path.c_str()) == 0) {
    return {Fate::temporary, error.text + " (#4.3.0)", error.sys};
  }
  if (::ftruncate(mailbox.fd.get(), mailbox.size) != 0) {
    error.text += fmt::format("; and cutting {} back to {} octets: {}", path, mailbox.size,
                              posix::error_text(errno));
  }
  (void)::fsync(mailbox.fd.get());  // what failed is told already
  return {Fate::temporary, error.text + " (#4.3.0)", error.sys};
}

}  // namespace

Result<> append_to_mbox(const std::string& path, std::string_view head, int message,
                        milliseconds patience, HeldSignals& signals) {
  Result<Mailbox> mailbox = open_locked(path, patience, signals);
  if (!mailbox) return failed(mailbox);
  Result<> done = append(*mailbox, path, head, message);
  if (done && mailbox->size == 0) done = sync_folder_of(path);
  if (!done) return tl::make_unexpected(rolled_back(std::move(done.error()), *mailbox, path));
  if (::close(mailbox->fd.release()) != 0 && errno != EINTR) {
    return temporary("closing {}: {} (#4.3.0)", path, posix::error_text(errno));
  }
  return {};
}

}  // namespace porpoise::local
