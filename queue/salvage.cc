#include "queue/salvage.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <functional>

#include "posix/file.h"

namespace porpoise::queue {
namespace {

constexpr std::size_t kWindow = 65536;
constexpr std::uint16_t kGenerations = 16;  // tried where the header does not tell

tl::unexpected<Error> lost(const Id& id, std::string_view what) {
  return tl::make_unexpected(
      Error{Fate::permanent, fmt::format("message {}: {}", id.text(), what), EBADMSG});
}

Result<std::string> octets_at(int fd, std::uint64_t offset, std::uint64_t count) {
  std::string octets(count, '\0');
  Result<std::size_t> n = posix::read_at(fd, octets, static_cast<off_t>(offset), "a message");
  if (!n) return failed(n);
  octets.resize(*n);
  return octets;
}

// The whole record at `offset`, whose generation is one of `generations`.
Result<std::optional<Record>> record_at(int fd, std::uint64_t size, const Id& id,
                                        std::uint16_t& generation,
                                        const std::vector<std::uint16_t>& generations,
                                        std::uint64_t offset) {
  Result<std::string> octets = octets_at(fd, offset, Record::kHeadOctets);
  if (!octets) return failed(octets);
  const std::optional<RecordHead> head = decode_head(*octets);
  if (!head || head->payload_octets > size - offset) return std::nullopt;
  octets = octets_at(fd, offset, Record::kHeadOctets + head->payload_octets);
  if (!octets) return failed(octets);
  for (const std::uint16_t g : generations) {
    if (std::optional<Record> record = decode_record(*octets, id, g, offset)) {
      generation = g;
      return record;
    }
  }
  return std::nullopt;
}

// Calls `each` with the place of everything from `from` on that begins as a record does, until it
// answers with where to go on (0: stop).
Result<> for_each_magic(int fd, std::uint64_t size, std::uint64_t from,
                        const std::function<Result<std::uint64_t>(std::uint64_t)>& each) {
  while (from < size) {
    Result<std::string> window = octets_at(fd, from, kWindow);
    if (!window) return failed(window);
    const std::size_t hit = window->find(kRecordMagic);
    if (hit == std::string::npos) {
      if (window->size() < kWindow) return {};
      from += kWindow - (kRecordMagic.size() - 1);
      continue;
    }
    Result<std::uint64_t> next = each(from + hit);
    if (!next) return failed(next);
    if (*next == 0) return {};
    from = *next;
  }
  return {};
}

// The generation that a bad header may still show, and those of a message nobody has written anew
// often.
std::vector<std::uint16_t> likely_generations(std::string_view head) {
  std::vector<std::uint16_t> list;
  std::uint16_t shown = 0;
  if (head.size() >= 49 &&
      std::from_chars(head.data() + 45, head.data() + 49, shown, 16).ec == std::errc()) {
    list.push_back(shown);
  }
  for (std::uint16_t g = 0; g < kGenerations; ++g) list.push_back(g);
  return list;
}

Result<bool> content_is_whole(int fd, const Header& header, std::uint32_t wanted) {
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < header.content_octets;) {
    Result<std::string> piece = octets_at(
        fd, Header::kOctets + done, std::min<std::uint64_t>(kWindow, header.content_octets - done));
    if (!piece) return failed(piece);
    if (piece->empty()) return false;
    crc = crc32c(crc, *piece);
    done += piece->size();
  }
  return crc == wanted;
}

// Where the envelope is, and what it says; its place tells the length of the content.
Result<std::optional<std::uint64_t>> find_envelope(int fd, std::uint64_t size, const Id& id,
                                                   Salvage& found) {
  Result<std::string> head = octets_at(fd, 0, Header::kOctets);
  if (!head) return failed(head);
  const std::optional<Header> header = Header::decode(*head);
  std::vector<std::uint16_t> generations = likely_generations(*head);
  std::uint64_t from = Header::kOctets;
  if (header && header->id == id) {
    generations = {header->generation};
    from += header->content_octets;
  }
  std::optional<std::uint64_t> end;
  Result<> done = for_each_magic(fd, size, from, [&](std::uint64_t at) -> Result<std::uint64_t> {
    Header as{.id = id, .content_octets = at - Header::kOctets};
    auto record = record_at(fd, size, id, as.generation, generations, at);
    if (!record) return failed(record);
    if (*record && (*record)->sequence == 0) {
      if (std::optional<Meta> meta = decode_meta(**record)) {
        end = at + Record::kHeadOctets + (*record)->payload.size();
        found.header = as;
        found.meta = std::move(*meta);
        return 0;
      }
    }
    return at + 1;
  });
  if (!done) return failed(done);
  return end;
}

}  // namespace

Result<Salvage> salvage(int fd, const Id& id) {
  Result<struct stat> st = posix::stat_of(fd, "a message");
  if (!st) return failed(st);
  if (!S_ISREG(st->st_mode)) return lost(id, "not a regular file");
  const auto size = static_cast<std::uint64_t>(st->st_size);
  Salvage found;
  Result<std::optional<std::uint64_t>> log = find_envelope(fd, size, id, found);
  if (!log) return failed(log);
  if (!*log) return lost(id, "its envelope is not whole");
  Result<bool> whole = content_is_whole(fd, found.header, found.meta.content_crc);
  if (!whole) return failed(whole);
  if (!*whole) return lost(id, "its content is not what was accepted");

  const std::vector<std::uint16_t> generation = {found.header.generation};
  Result<> done = for_each_magic(fd, size, **log, [&](std::uint64_t at) -> Result<std::uint64_t> {
    std::uint16_t same = 0;
    auto record = record_at(fd, size, id, same, generation, at);
    if (!record) return failed(record);
    const bool known = *record && (!is_event((*record)->kind) || decode_event(**record));
    const std::uint32_t last = found.records.empty() ? 0 : found.records.back().sequence;
    if (!known || (*record)->sequence <= last) return at + 1;
    found.records.push_back(std::move(**record));
    return at + Record::kHeadOctets + found.records.back().payload.size();
  });
  if (!done) return failed(done);
  return found;
}

Result<> write_salvaged(const Salvage& salvage, int fd, int to) {
  const std::string what = fmt::format("message {}", salvage.header.id.text());
  Header header = salvage.header;
  ++header.generation;
  Result<> done = posix::write_all(to, header.encode(), what);
  for (std::uint64_t copied = 0; done && copied < header.content_octets;) {
    Result<std::string> piece =
        octets_at(fd, Header::kOctets + copied,
                  std::min<std::uint64_t>(kWindow, header.content_octets - copied));
    if (!piece) return failed(piece);
    if (piece->empty()) return temporary("reading {}: it has become shorter", what);
    copied += piece->size();
    done = posix::write_all(to, *piece, what);
  }
  std::uint64_t offset = Header::kOctets + header.content_octets;
  std::uint32_t sequence = 0;
  const auto add = [&](Kind kind, std::string payload) {
    const Record record{.kind = kind, .sequence = sequence++, .payload = std::move(payload)};
    const std::string octets = encode(record, header.id, header.generation, offset);
    offset += octets.size();
    if (done) done = posix::write_all(to, octets, what);
  };
  add(Kind::envelope, encode_payload(salvage.meta));
  for (const Record& record : salvage.records) add(record.kind, record.payload);
  return done;
}

}  // namespace porpoise::queue
