#include "queue/schedule.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <stdio.h>
#include <tuple>
#include <unistd.h>

#include "libmail/number.h"
#include "posix/error.h"
#include "posix/file.h"
#include "queue/record.h"

namespace porpoise::queue {
namespace {

constexpr std::string_view kStart = "PORPOISE-SCHEDULE 1 at=";
constexpr std::uint32_t kSeed = 0x50515343;         // so that nothing, and zeros, have no checksum
constexpr std::size_t kRoom = 65536;                // read at once
constexpr std::uint32_t kMaxEntries = 100'000'000;  // 1.6 GB

tl::unexpected<Error> bad(std::string_view what) {
  return tl::make_unexpected(
      Error{Fate::permanent, fmt::format("queue/schedule is of no use: {}", what), EBADMSG});
}

}  // namespace

bool schedule_before(const Id& a, const Id& b) {
  return std::tuple(a.folder_number(), a) < std::tuple(b.folder_number(), b);
}

std::string ScheduleHead::encode() const {
  std::string line = fmt::format("{}{:016} n={:010} data={:08x} ", kStart, wall_us, count, crc);
  line += fmt::format("crc={:08x}\n", crc32c(kSeed, line));
  return line;
}

std::optional<ScheduleHead> ScheduleHead::decode(std::string_view octets) {
  if (octets.size() != kOctets || !octets.starts_with(kStart)) return std::nullopt;
  ScheduleHead head;
  if (!parse_number(octets.substr(23, 16), head.wall_us) ||
      !parse_number(octets.substr(42, 10), head.count) ||
      !parse_number(octets.substr(58, 8), head.crc, 16)) {
    return std::nullopt;
  }
  if (head.count > kMaxEntries || head.encode() != octets) return std::nullopt;
  return head;
}

std::string encode_entries(const std::vector<ScheduleEntry>& entries) {
  std::string octets;
  octets.reserve(entries.size() * kScheduleEntryOctets);
  for (const ScheduleEntry& entry : entries) {
    octets += entry.id.octets();
    for (int shift = 0; shift < 32; shift += 8) {
      octets += static_cast<char>(entry.next_s >> shift & 255);
    }
  }
  return octets;
}

std::vector<ScheduleEntry> decode_entries(std::string_view octets) {
  std::vector<ScheduleEntry> entries;
  entries.reserve(octets.size() / kScheduleEntryOctets);
  for (; octets.size() >= kScheduleEntryOctets; octets.remove_prefix(kScheduleEntryOctets)) {
    ScheduleEntry entry{.id = Id::from_octets(octets.substr(0, Id::kOctets))};
    for (std::size_t i = kScheduleEntryOctets; i-- > Id::kOctets;) {
      entry.next_s = entry.next_s << 8 | static_cast<std::uint8_t>(octets[i]);
    }
    entries.push_back(entry);
  }
  return entries;
}

// ---- reading

Result<ScheduleReader> ScheduleReader::open(int queue_folder) {
  Result<posix::UniqueFd> fd =
      posix::open_at(queue_folder, kScheduleName, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!fd && fd.error().sys == ELOOP) return bad("not a regular file");
  if (!fd) return failed(fd);
  ScheduleReader reader;
  reader.fd_ = std::move(*fd);
  if (Result<> done = reader.verify(); !done) return failed(done);
  return reader;
}

Result<> ScheduleReader::verify() {
  Result<struct stat> st = posix::stat_of(fd_.get(), "queue/schedule");
  if (!st) return failed(st);
  if (!S_ISREG(st->st_mode)) return bad("not a regular file");
  std::string octets(ScheduleHead::kOctets, '\0');
  Result<std::size_t> n = posix::read_at(fd_.get(), octets, 0, "queue/schedule");
  if (!n) return failed(n);
  octets.resize(*n);
  const std::optional<ScheduleHead> head = ScheduleHead::decode(octets);
  if (!head) return bad("bad head");
  head_ = *head;
  const std::uint64_t size =
      ScheduleHead::kOctets + std::uint64_t{head_.count} * kScheduleEntryOctets;
  if (static_cast<std::uint64_t>(st->st_size) != size) return bad("its length is wrong");
  std::uint32_t crc = kSeed;
  std::optional<Id> last;
  for (std::uint64_t entry = 0; entry < head_.count;) {
    Result<std::string> piece = octets_at(entry);
    if (!piece) return failed(piece);
    crc = crc32c(crc, *piece);
    for (const ScheduleEntry& e : decode_entries(*piece)) {
      if (last && !schedule_before(*last, e.id)) return bad("its entries are in disorder");
      last = e.id;
      ++entry;
    }
  }
  if (crc != head_.crc) return bad("its checksum is wrong");
  return {};
}

// As many whole entries from that one on as are read at once; at least one.
Result<std::string> ScheduleReader::octets_at(std::uint64_t entry) const {
  std::string octets(std::min<std::uint64_t>(kRoom, (head_.count - entry) * kScheduleEntryOctets),
                     '\0');
  const std::uint64_t at = ScheduleHead::kOctets + entry * kScheduleEntryOctets;
  Result<std::size_t> n =
      posix::read_at(fd_.get(), octets, static_cast<off_t>(at), "queue/schedule");
  if (!n) return failed(n);
  if (*n != octets.size()) return bad("it has become shorter");
  return octets;
}

Result<std::vector<ScheduleEntry>> ScheduleReader::folder(const std::string& name) {
  std::vector<ScheduleEntry> entries;
  for (;;) {
    for (; held_used_ < held_.size(); ++held_used_) {
      const ScheduleEntry& entry = held_[held_used_];
      const std::string folder = entry.id.folder();
      if (folder > name) return entries;
      if (folder == name) entries.push_back(entry);
    }
    if (next_ >= head_.count) return entries;
    Result<std::string> octets = octets_at(next_);
    if (!octets) return failed(octets);
    held_ = decode_entries(*octets);
    held_used_ = 0;
    next_ += held_.size();
  }
}

// ---- writing

Result<ScheduleWriter> ScheduleWriter::begin(int queue_folder) {
  (void)::unlinkat(queue_folder, kScheduleDraft, 0);
  Result<posix::UniqueFd> fd =
      posix::open_at(queue_folder, kScheduleDraft, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!fd) return failed(fd);
  ScheduleWriter writer(queue_folder, std::move(*fd));
  writer.head_.crc = kSeed;
  Result<> done =
      posix::write_all(writer.fd_.get(), std::string(ScheduleHead::kOctets, '\0'), kScheduleDraft);
  if (!done) return failed(done);
  return writer;
}

ScheduleWriter::~ScheduleWriter() {
  if (fd_.open()) (void)::unlinkat(queue_, kScheduleDraft, 0);
}

Result<> ScheduleWriter::add(std::vector<ScheduleEntry> entries) {
  if (entries.size() > kMaxEntries - head_.count) return temporary("too many messages wait");
  std::ranges::sort(entries, schedule_before, &ScheduleEntry::id);
  const auto rest = std::ranges::unique(entries, {}, &ScheduleEntry::id);
  entries.erase(rest.begin(), rest.end());
  const std::string octets = encode_entries(entries);
  head_.crc = crc32c(head_.crc, octets);
  head_.count += static_cast<std::uint32_t>(entries.size());
  return posix::write_all(fd_.get(), octets, kScheduleDraft);
}

Result<> ScheduleWriter::finish(std::int64_t wall_us) && {
  head_.wall_us = std::clamp<std::int64_t>(wall_us, 0, 9'999'999'999'999'999);
  if (Result<> done = posix::write_at(fd_.get(), head_.encode(), 0, kScheduleDraft); !done) {
    return done;
  }
  if (::renameat(queue_, kScheduleDraft, queue_, kScheduleName) != 0) {
    return posix::system_error(errno, "putting queue/schedule in its place");
  }
  fd_.reset();
  return {};
}

Result<> remove_schedule(int queue_folder) {
  if (::unlinkat(queue_folder, kScheduleName, 0) == 0 || errno == ENOENT) return {};
  return posix::system_error(errno, "removing queue/schedule");
}

}  // namespace porpoise::queue
