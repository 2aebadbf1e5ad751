#include "send/trigger.h"

#include <fcntl.h>
#include <string>
#include <sys/stat.h>

#include "posix/error.h"
#include "posix/file.h"
#include "queue/spool.h"

namespace porpoise::send {
namespace {

constexpr std::size_t kUsualCapacity = 65536;  // of a FIFO, pipe(7)
constexpr const char* kName = "queue/trigger";

}  // namespace

Result<Trigger> Trigger::open(const Instance& instance) {
  const std::string shown = fmt::format("{}/{}", instance.path(), kName);
  constexpr int kFlags = O_RDWR | O_NONBLOCK | O_NOFOLLOW;
  Result<posix::UniqueFd> fd = posix::open_at(instance.folder(), kName, kFlags);
  // A copy of the queue may be without it, and nothing in it is worth keeping.
  if (!fd && fd.error().sys == ENOENT) {
    if (::mkfifoat(instance.folder(), kName, 0600) != 0 && errno != EEXIST) {
      return posix::system_error(errno, "making " + shown);
    }
    fd = posix::open_at(instance.folder(), kName, kFlags);
  }
  if (!fd) return posix::system_error(fd.error().sys, "opening " + shown);
  Result<struct stat> st = posix::stat_of(fd->get(), shown);
  if (!st) return failed(st);
  if (!S_ISFIFO(st->st_mode)) return permanent("{}: not a FIFO", shown);
  Trigger trigger;
  trigger.fd_ = std::move(*fd);
  const int capacity = ::fcntl(trigger.fd(), F_GETPIPE_SZ);
  trigger.capacity_ = capacity > 0 ? static_cast<std::size_t>(capacity) : kUsualCapacity;
  return trigger;
}

// A writer that finds the FIFO full leaves without a word, so a full one means: scan. One read
// empties it, since the room is as large as it is.
Trigger::Told Trigger::read() {
  Told told;
  std::string room(capacity_, '\0');
  Result<std::size_t> n = posix::read_some(fd(), room, kName);
  if (!n) {
    told.scan = n.error().sys != EAGAIN;
    return told;
  }
  room.resize(*n);
  told.scan = *n == capacity_ || *n % queue::kTriggerOctets != 0;
  for (std::size_t at = 0; at + queue::kTriggerOctets <= *n; at += queue::kTriggerOctets) {
    const std::string_view record = std::string_view(room).substr(at, queue::kTriggerOctets);
    const auto id = queue::Id::parse(record.substr(0, queue::Id::kLength));
    if (id && queue::trigger_record(*id) == record) {
      told.ids.push_back(*id);
    } else {
      told.scan = true;
    }
  }
  return told;
}

}  // namespace porpoise::send
