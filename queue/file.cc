#include "queue/file.h"

#include <algorithm>
#include <cerrno>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::queue {

void State::apply(const Event& event) {
  const auto each = [&](const auto& act) {
    for (const std::uint32_t i : event.recipients) {
      if (i < recipients.size()) act(recipients[i]);
    }
  };
  const auto attempted = [&](OfRecipient& r) {
    ++r.attempts;
    r.last_us = event.wall_us;
    r.text = event.text;
  };
  switch (event.kind) {
    case Kind::delivered:
      each([&](OfRecipient& r) {
        attempted(r);
        r.status = Status::delivered;
      });
      break;
    case Kind::failed:
      each([&](OfRecipient& r) {
        attempted(r);
        r.status = Status::failed;
      });
      break;
    case Kind::deferred:
      each(attempted);
      break;
    case Kind::next:
      next_us = event.next_us;
      attempts = event.attempts;
      break;
    case Kind::progress:
      each([&](OfRecipient& r) { r.progress = event.text; });
      break;
    case Kind::intent:
      each([](OfRecipient& r) { r.noticed = true; });
      if (event.notice) open_intents[*event.notice] = event.recipients;
      break;
    case Kind::noticed:
      if (!event.notice) break;
      open_intents.erase(*event.notice);
      notices.insert(*event.notice);
      break;
    case Kind::held:
      held = true;
      break;
    case Kind::released:
      held = false;
      break;
    case Kind::cancelled:
      each([](OfRecipient& r) {
        if (r.status == Status::waiting) r.status = Status::cancelled;
      });
      break;
    case Kind::redirected:  // what it changes is its writer's to define
    case Kind::envelope:
      break;
  }
}

bool State::any_waiting() const {
  return std::ranges::any_of(recipients,
                             [](const OfRecipient& r) { return r.status == Status::waiting; });
}

// A window on a file that is read mostly forwards.
class File::Reader {
 public:
  Reader(int fd, std::uint64_t size, std::string_view what) : fd_(fd), size_(size), what_(what) {}

  /// What the file has from `offset`, at most `count` octets, valid until the next call. A length
  /// is believed only as far as the file goes, so that a bad one costs no memory.
  Result<std::string_view> at(std::uint64_t offset, std::uint64_t count) {
    if (offset >= size_) return std::string_view();
    count = std::min(count, size_ - offset);
    if (offset < start_ || offset + count > start_ + held_.size()) {
      if (Result<> done = load(offset, std::max(count, chunk_)); !done) return failed(done);
    }
    return std::string_view(held_).substr(offset - start_, count);
  }

 private:
  Result<> load(std::uint64_t offset, std::uint64_t count) {
    held_.resize(count);
    Result<std::size_t> n = posix::read_at(fd_, held_, static_cast<off_t>(offset), what_);
    if (!n) return failed(n);
    held_.resize(*n);
    start_ = offset;
    chunk_ = 16384;
    return {};
  }

  int fd_;
  std::uint64_t size_;
  std::string what_;
  std::string held_;
  std::uint64_t start_ = 0;
  std::uint64_t chunk_ = 4096;  // the first: a small message with all its records
};

Result<File> File::open(int at, const std::string& name, const Id& id, Access access) {
  const int flags = (access == Access::read ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK;
  Result<posix::UniqueFd> fd = posix::open_at(at, name, flags);
  if (!fd) return failed(fd);
  File file;
  file.fd_ = std::move(*fd);
  file.shown_ = fmt::format("message {}", id.text());

  Result<struct stat> st = posix::stat_of(file.fd(), file.shown_);
  if (!st) return failed(st);
  if (!S_ISREG(st->st_mode)) return file.damaged(0, "not a regular file");
  const auto size = static_cast<std::uint64_t>(st->st_size);
  Reader reader(file.fd(), size, file.shown_);
  Result<std::string_view> head = reader.at(0, Header::kOctets);
  if (!head) return failed(head);
  const std::optional<Header> header = Header::decode(*head);
  if (!header) return file.damaged(0, "bad header");
  if (header->id != id) return file.damaged(0, "the header has another id");
  file.header_ = *header;

  Result<> done = file.read_envelope(reader);
  if (done) done = file.read_log(reader);
  if (done) done = file.check_tail(reader);
  if (done && access == Access::append) done = file.cut_and_sync(size);
  if (!done) return failed(done);
  return file;
}

Result<> File::read_envelope(Reader& reader) {
  const std::uint64_t offset = Header::kOctets + header_.content_octets;
  Result<std::string_view> octets = reader.at(offset, Record::kHeadOctets);
  if (!octets) return failed(octets);
  const std::optional<RecordHead> head = decode_head(*octets);
  if (!head) return damaged(offset, "bad envelope");
  octets = reader.at(offset, Record::kHeadOctets + head->payload_octets);
  if (!octets) return failed(octets);
  const auto record = decode_record(*octets, header_.id, header_.generation, offset);
  if (!record || record->sequence != 0) return damaged(offset, "bad envelope");
  std::optional<Meta> meta = decode_meta(*record);
  if (!meta) return damaged(offset, "an envelope that cannot be read");
  meta_ = std::move(*meta);
  state_.recipients.resize(meta_.envelope.recipients.size());
  end_ = log_ = offset + octets->size();
  return {};
}

// Stops at the first record that is not good; check_tail() judges it.
Result<> File::read_log(Reader& reader) {
  for (;;) {
    Result<std::string_view> octets = reader.at(end_, Record::kHeadOctets);
    if (!octets) return failed(octets);
    const std::optional<RecordHead> head = decode_head(*octets);
    if (!head || head->sequence != sequence_ + 1) return {};
    octets = reader.at(end_, Record::kHeadOctets + head->payload_octets);
    if (!octets) return failed(octets);
    const auto record = decode_record(*octets, header_.id, header_.generation, end_);
    if (!record) return {};
    if (is_event(record->kind)) {
      const std::optional<Event> event = decode_event(*record);
      if (!event) return damaged(end_, "a record that cannot be read");
      apply(*event);
    }
    end_ += octets->size();
    ++sequence_;
  }
}

// What stands behind the last good record: nothing, or what a crash left of writes that nobody
// had synced - then a good record in it does not claim that those before it were synced.
Result<> File::check_tail(Reader& reader) const {
  constexpr std::size_t kWindow = 16384;
  for (std::uint64_t at = end_;;) {
    Result<std::string_view> window = reader.at(at, kWindow);
    if (!window) return failed(window);
    const std::size_t hit = window->find(kRecordMagic);
    if (hit == std::string_view::npos) {
      if (window->size() < kWindow) return {};
      at += kWindow - (kRecordMagic.size() - 1);
      continue;
    }
    at += hit;
    Result<std::string_view> octets = reader.at(at, Record::kHeadOctets);
    if (!octets) return failed(octets);
    const std::optional<RecordHead> head = decode_head(*octets);
    const std::uint64_t first_bad = std::uint64_t{sequence_} + 1;
    if (head && head->sequence > first_bad + head->unsynced &&
        head->unsynced < Record::kMaxUnsynced) {
      octets = reader.at(at, Record::kHeadOctets + head->payload_octets);
      if (!octets) return failed(octets);
      if (decode_record(*octets, header_.id, header_.generation, at)) {
        return damaged(end_, fmt::format("a bad record, followed by a good one at octet {}", at));
      }
    }
    ++at;
  }
}

Result<> File::cut_and_sync(std::uint64_t octets) {
  if (octets != end_ && ::ftruncate(fd(), static_cast<off_t>(end_)) != 0) {
    return posix::trouble(errno, fmt::format("cutting the torn tail of {}", shown_));
  }
  if (octets == end_ && sequence_ == 0) return {};
  if (Result<> done = write_log_again(); !done) return done;
  return sync();
}

// What was read may be in memory only: a sync of it, perhaps by a process that is gone, has failed,
// and the kernel takes the pages for clean since. Written again, the next sync is about them.
Result<> File::write_log_again() const {
  char room[16384];
  for (std::uint64_t at = log_; at < end_;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(sizeof room, end_ - at));
    Result<std::size_t> n =
        posix::read_at(fd(), std::span(room, count), static_cast<off_t>(at), shown_);
    if (!n) return failed(n);
    if (*n == 0) return temporary("reading {}: it has become shorter", shown_);
    if (Result<> done = posix::write_at(fd(), {room, *n}, static_cast<off_t>(at), shown_); !done) {
      return done;
    }
    at += *n;
  }
  return {};
}

void File::apply(const Event& event) {
  state_.apply(event);
  events_.push_back(event);
  if (events_.size() >= 2 * kKeptEvents) {
    events_.erase(events_.begin(), events_.begin() + kKeptEvents);
  }
}

tl::unexpected<Error> File::damaged(std::uint64_t offset, std::string_view what) const {
  return tl::make_unexpected(
      Error{Fate::permanent, fmt::format("{} is damaged at octet {}: {}", shown_, offset, what),
            EBADMSG});
}

Result<> File::append(const std::vector<Event>& events) {
  if (events.empty()) return {};
  if (broken_) return temporary("writing to {}: an earlier write or sync failed", shown_);
  std::string octets;
  std::uint32_t sequence = sequence_;
  for (const Event& event : events) {
    const Record record{.kind = event.kind,
                        .sequence = sequence + 1,
                        .unsynced = sequence - synced_,
                        .payload = encode_payload(event)};
    octets += encode(record, header_.id, header_.generation, end_ + octets.size());
    ++sequence;
  }
  broken_ = true;  // until it is known to have gone well
  Result<> done = posix::write_at(fd(), octets, static_cast<off_t>(end_), shown_);
  if (!done) return done;
  broken_ = false;
  end_ += octets.size();
  sequence_ = sequence;
  for (const Event& event : events) apply(event);
  unsynced_.insert(unsynced_.end(), events.begin(), events.end());
  return {};
}

Result<> File::sync() {
  if (broken_) return temporary("syncing {}: an earlier write or sync failed", shown_);
  Result<> done = posix::sync(fd(), shown_);
  if (done) synced_ = sequence_;
  if (done) unsynced_.clear();
  broken_ = !done;
  return done;
}

}  // namespace porpoise::queue
