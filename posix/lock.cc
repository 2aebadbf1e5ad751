#include "posix/lock.h"

#include <algorithm>
#include <fcntl.h>
#include <time.h>

#include "posix/error.h"

namespace porpoise::posix {
namespace {

struct flock whole_file(short type) {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

}  // namespace

Result<bool> try_lock(int fd, std::string_view what) {
  struct flock range = whole_file(F_WRLCK);
  int done;
  do {
    done = ::fcntl(fd, F_OFD_SETLK, &range);
  } while (done != 0 && errno == EINTR);
  if (done == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return trouble(errno, fmt::format("locking {}", what));
}

Result<> lock(int fd, std::string_view what, std::chrono::milliseconds patience) {
  using std::chrono::milliseconds;
  const auto end = std::chrono::steady_clock::now() + patience;
  // Asked again at growing intervals: fcntl has no lock with a timeout, and an alarm signal
  // would be everybody's.
  for (milliseconds nap(1);; nap = std::min(nap * 2, milliseconds(100))) {
    Result<bool> got = try_lock(fd, what);
    if (!got) return failed(got);
    if (*got) return {};
    if (std::chrono::steady_clock::now() + nap > end) {
      return trouble(ETIMEDOUT, fmt::format("waiting for the lock of {}", what));
    }
    const timespec wait{0, static_cast<long>(nap.count()) * 1'000'000};
    (void)::nanosleep(&wait, nullptr);
  }
}

Result<bool> is_locked(int fd, std::string_view what) {
  struct flock range = whole_file(F_WRLCK);
  if (::fcntl(fd, F_OFD_GETLK, &range) != 0) {
    return trouble(errno, fmt::format("asking for the lock of {}", what));
  }
  return range.l_type != F_UNLCK;
}

}  // namespace porpoise::posix
