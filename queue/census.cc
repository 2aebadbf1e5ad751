#include "queue/census.h"

#include <algorithm>
#include <chrono>
#include <fcntl.h>

#include "libmail/number.h"
#include "posix/file.h"
#include "queue/record.h"
#include "queue/spool.h"

namespace porpoise::queue {

std::optional<std::pair<uid_t, std::uint64_t>> submitter_in(int file) {
  char room[256];
  Result<std::size_t> n = posix::read_at(file, std::span(room, Header::kOctets), 0, "a message");
  if (!n) return std::nullopt;
  const std::optional<Header> header = Header::decode({room, *n});
  if (!header) return std::nullopt;
  n = posix::read_at(file, room, static_cast<off_t>(Header::kOctets + header->content_octets),
                     "a message");
  if (!n || *n < Record::kHeadOctets) return std::nullopt;
  // The fields before the envelope proper are few and short.
  std::string_view rest(room, *n);
  const std::optional<RecordHead> head = decode_head(rest);
  if (!head || head->kind != Kind::envelope) return std::nullopt;
  rest.remove_prefix(Record::kHeadOctets);
  while (!rest.empty() && rest[0] != 'F') {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    if (rest[0] == 'U') {
      const std::optional<uid_t> uid = number_in<uid_t>(rest.substr(1, end - 1));
      return uid ? std::optional(std::pair{*uid, header->content_octets}) : std::nullopt;
    }
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

Census::Census(const Instance& instance, std::int64_t before_us, Found found)
    : instance_(instance),
      before_us_(before_us),
      found_(std::move(found)),
      thread_([this] { work(); }) {}

Census::~Census() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// False: it is to stop.
bool Census::pause() {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(kPauseMs), [this] { return ending_; });
  return !ending_;
}

void Census::work() {
  const Result<Spool> spool = Spool::open(instance_);
  const Result<posix::UniqueFd> deferred = instance_.open_folder("queue/deferred");
  if (!spool || !deferred) return;
  std::vector<Id> ids;
  for (const Place place : {Place::incoming, Place::deferred}) {
    (void)spool->for_each(place, [&](const Id& id) {
      if (id.wall_us() < before_us_) ids.push_back(id);
    });
  }
  // One that moved meanwhile was seen twice.
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  std::vector<std::pair<uid_t, Usage::Stored>> piece;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string name = ids[i].text();
    Result<posix::UniqueFd> file = posix::open_at(spool->incoming(), name, O_RDONLY | O_NOFOLLOW);
    if (!file) {
      file = posix::open_at(deferred->get(), ids[i].folder() + "/" + name, O_RDONLY | O_NOFOLLOW);
    }
    const auto submitter = file ? submitter_in(file->get()) : std::nullopt;
    if (submitter) piece.push_back({submitter->first, {ids[i], submitter->second}});
    if ((i + 1) % kPiece != 0 && i + 1 != ids.size()) continue;
    found_(std::exchange(piece, {}));
    if (!pause()) return;
  }
}

}  // namespace porpoise::queue
