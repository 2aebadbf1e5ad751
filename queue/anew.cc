// A message written anew under its id, after a sync of its file has failed: what the kernel could
// not write it may have forgotten, so the old file is believed no more than it can be proved.
//
//   folder/ID  folder/ID.anew  meaning
//     old          -           as it was: nothing that depends on the lost records was done
//     old         new          whole and synced, not yet in its place; swept at a start
//     new          -           done, once the folder is synced
//
// One folder's entries, and one rename over the old name: after a crash ID is the one file or the
// other, never none. Before that no other folder may still hold a name of the old file.

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdio.h>
#include <utility>

#include "posix/clock.h"
#include "posix/durable_file.h"
#include "posix/error.h"
#include "posix/file.h"
#include "queue/content.h"
#include "queue/look.h"
#include "queue/spool.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kRoom = 65536;
constexpr std::uint64_t kLogOctetsEach = 128;      // of a recipient's end, as most are
constexpr std::uint64_t kMaxReserved = 16u << 20;  // of one message

// Writes records one behind the other.
class LogWriter {
 public:
  LogWriter(int fd, const Header& header, std::uint64_t offset, std::string_view shown)
      : fd_(fd), header_(header), offset_(offset), shown_(shown) {}

  Result<> add(Kind kind, std::uint32_t sequence, std::string payload) {
    const Record record{.kind = kind, .sequence = sequence, .payload = std::move(payload)};
    room_ += encode(record, header_.id, header_.generation, offset_ + room_.size());
    return room_.size() < kRoom ? Result<>() : flush();
  }
  Result<> flush() {
    Result<> done = posix::write_all(fd_, room_, shown_);
    offset_ += room_.size();
    room_.clear();
    return done;
  }
  std::uint64_t end() const { return offset_ + room_.size(); }

 private:
  int fd_;
  Header header_;
  std::uint64_t offset_;
  std::string shown_;
  std::string room_;
};

}  // namespace

// The payload of record `sequence` at `offset` as the file has it, or else as it is known here.
Result<Record> File::proved_record(std::uint32_t sequence, std::uint64_t offset) const {
  const auto as_stored = [&]() -> std::optional<Record> {
    std::string octets(Record::kHeadOctets, '\0');
    if (!posix::read_at(fd(), octets, static_cast<off_t>(offset), shown_)) return std::nullopt;
    const std::optional<RecordHead> head = decode_head(octets);
    if (!head || offset + Record::kHeadOctets + head->payload_octets > end_) return std::nullopt;
    octets.resize(Record::kHeadOctets + head->payload_octets);
    if (!posix::read_at(fd(), octets, static_cast<off_t>(offset), shown_)) return std::nullopt;
    return decode_record(octets, header_.id, header_.generation, offset);
  };
  if (std::optional<Record> record = as_stored(); record && record->sequence == sequence) {
    return std::move(*record);
  }
  if (events_.size() != sequence_) return damaged(offset, "a record that was there is gone");
  const Event& event = events_[sequence - 1];
  return Record{.kind = event.kind, .sequence = sequence, .payload = encode_payload(event)};
}

Result<File> File::write_anew(posix::UniqueFd to, const std::vector<Event>& more) {
  Header header = header_;
  header.generation = static_cast<std::uint16_t>(header.generation + ++times_anew_);
  Result<> done = posix::write_all(to.get(), header.encode(), shown_);
  if (done) done = copy_checked(*this, to.get());
  if (!done) return failed(done);
  LogWriter writer(to.get(), header, Header::kOctets + header.content_octets, shown_);
  done = writer.add(Kind::envelope, 0, encode_payload(meta_));
  const std::uint64_t log = writer.end();
  const auto stored = sequence_ - static_cast<std::uint32_t>(unsynced_.size());
  std::uint64_t offset = log_;
  std::uint32_t sequence = 0;
  while (done && sequence < stored) {
    Result<Record> record = proved_record(++sequence, offset);
    if (!record) return failed(record);
    offset += Record::kHeadOctets + record->payload.size();
    done = writer.add(record->kind, sequence, std::move(record->payload));
  }
  for (const std::vector<Event>* events : {&std::as_const(unsynced_), &more}) {
    for (const Event& event : *events) {
      if (done) done = writer.add(event.kind, ++sequence, encode_payload(event));
    }
  }
  if (done) done = writer.flush();
  if (!done) return failed(done);

  File file;
  file.fd_ = std::move(to);
  file.shown_ = shown_;
  file.header_ = header;
  file.meta_ = meta_;
  file.state_ = state_;
  file.events_ = events_;
  for (const Event& event : more) file.apply(event);
  file.log_ = log;
  file.end_ = writer.end();
  file.sequence_ = file.synced_ = sequence;
  return file;
}

Result<Place> Spool::settle_names(const Id& id) {
  Result<bool> new_mail = is_there(incoming_.get(), id.text());
  if (!new_mail) return failed(new_mail);
  Result<bool> waits = is_there(deferred_.get(), fmt::format("{}/{}", id.folder(), id.text()));
  if (!waits) return failed(waits);
  if (!*waits && !*new_mail) {
    return posix::system_error(ENOENT, fmt::format("opening message {}", id.text()));
  }
  if (!*waits) return Place::incoming;
  if (*new_mail) {
    if (Result<> done = move_to_deferred(id); !done) return failed(done);
  }
  // That incoming/ has let go of it must be on disk. An entry comes and goes first, so that this
  // sync is about something also where an earlier one has failed.
  const std::string name = id.text() + std::string(kAnew);
  const std::string path = fmt::format("{}/{}", id.folder(), id.text());
  if (::linkat(deferred_.get(), path.c_str(), incoming_.get(), name.c_str(), 0) == 0) {
    (void)::unlinkat(incoming_.get(), name.c_str(), 0);
  }
  if (Result<> done = posix::sync(incoming_.get(), "queue/incoming"); !done) return failed(done);
  return Place::deferred;
}

Result<File> Spool::write_anew(File& old, const std::vector<Event>& more) {
  std::optional<File> anew;
  Result<> done = replace(old.header().id, [&](int to) -> Result<> {
    Result<posix::UniqueFd> fd = posix::duplicate(to);
    if (!fd) return failed(fd);
    Result<File> file = old.write_anew(std::move(*fd), more);
    if (!file) return failed(file);
    anew.emplace(std::move(*file));
    return {};
  });
  if (!done) return failed(done);
  return std::move(*anew);
}

Result<> Spool::replace(const Id& id, const std::function<Result<>(int fd)>& write) {
  Result<Place> place = settle_names(id);
  if (!place) return failed(place);
  Result<posix::UniqueFd> folder = *place == Place::incoming
                                       ? posix::open_folder(incoming_.get(), ".")
                                       : posix::open_folder(deferred_.get(), id.folder());
  if (!folder) return failed(folder);
  const std::string name = id.text() + std::string(kAnew);
  (void)::unlinkat(folder->get(), name.c_str(), 0);

  Result<posix::DurableFile> file = posix::DurableFile::begin(
      tmp_.get(), fmt::format("{}.{:016x}", id.text(), posix::random_bits()), 0600);
  if (!file) return failed(file);
  if (Result<> done = write(file->fd()); !done) return done;
  const std::string shown = *place == Place::incoming ? "queue/incoming" : "queue/deferred";
  if (Result<> done = std::move(*file).commit(folder->get(), name, shown); !done) return done;
  if (::renameat(folder->get(), name.c_str(), folder->get(), id.text().c_str()) != 0) {
    const int err = errno;
    (void)::unlinkat(folder->get(), name.c_str(), 0);
    return posix::system_error(err, fmt::format("putting {} in its place", name));
  }
  return posix::sync(folder->get(), "folder " + shown);
}

Result<File> Spool::open_to_append(const Id& id, std::string* alert) {
  Result<File> file = open_file(id, File::Access::append);
  if (file || file.error().sys == ENOENT || file.error().sys == EBADMSG) return file;
  Result<File> doubtful = open_file(id, File::Access::read);
  if (!doubtful) return file;
  Result<File> anew = write_anew(*doubtful, {});
  if (!anew) return file;
  if (alert != nullptr) *alert = told_anew(*anew, file.error());
  return anew;
}

std::string told_anew(const File& file, const Error& why) {
  return fmt::format("{}; message {} is written anew, generation {}", why.text,
                     file.header().id.text(), file.header().generation);
}

bool is_anew_name(std::string_view name) {
  return name.size() == Id::kLength + kAnew.size() && name.ends_with(kAnew) &&
         Id::parse(name.substr(0, Id::kLength)).has_value();
}

Result<> Spool::reserve_log(const File& file, Place place) {
  const auto waits = [](const State::OfRecipient& r) { return r.status == State::Status::waiting; };
  const auto count =
      static_cast<std::uint64_t>(std::ranges::count_if(file.state().recipients, waits));
  if (count < 2) return {};
  const Id id = file.header().id;
  const int at = place == Place::incoming ? incoming_.get() : deferred_.get();
  const std::string path =
      place == Place::incoming ? id.text() : fmt::format("{}/{}", id.folder(), id.text());
  Result<posix::UniqueFd> fd = posix::open_at(at, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return failed(fd);
  const std::uint64_t octets = std::min(count * kLogOctetsEach, kMaxReserved);
  int result = 0;
  do {
    result = ::fallocate(fd->get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file.octets()),
                         static_cast<off_t>(octets));
  } while (result != 0 && errno == EINTR);
  // Where a file system cannot promise room, none is asked for.
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return {};
  return posix::trouble(errno, fmt::format("reserving room for the log of message {}", id.text()));
}

}  // namespace porpoise::queue
