#include "queue/record.h"

#include <cstddef>

#include "libmail/number.h"

namespace porpoise::queue {
namespace {

// Not zero, so that the checksum of nothing, or of zeros, is not zero either.
constexpr std::uint32_t kSeed = 0x50515545;
constexpr std::size_t kMaxRecipients = 1'000'000;  // that one event names

constexpr std::string_view kHeaderStart = "PORPOISE-QUEUE 1 id=";

void put_le(std::string& octets, std::uint64_t value, int count) {
  for (int i = 0; i < count; ++i) octets += static_cast<char>(value >> (8 * i) & 255);
}

std::uint32_t get_le(std::string_view octets, std::size_t from, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) {
    value = value << 8 | static_cast<std::uint8_t>(octets[from + i]);
  }
  return value;
}

std::uint32_t record_crc(std::string_view head16, std::string_view payload, const Id& id,
                         std::uint16_t generation, std::uint64_t offset) {
  std::string place = id.text();
  put_le(place, generation, 2);
  put_le(place, offset, 8);
  return crc32c(crc32c(crc32c(kSeed, place), head16), payload);
}

void add_field(std::string& payload, char letter, std::string_view text) {
  payload += letter;
  payload += text;
  payload += '\0';
}

// Text from outside, fit for a field: a NUL would end it, and a record's first octets in it could
// be taken for a record after a crash has torn this one.
std::string fit(std::string_view text) {
  std::string clean(text.substr(0, Event::kMaxText));
  for (char& c : clean) {
    if (c == '\0') c = '?';
  }
  for (std::size_t at = 0; (at = clean.find(kRecordMagic, at)) != std::string::npos;) {
    clean[at] = '?';
  }
  return clean;
}

// Takes the next NUL-ended field off the front; false when there is none.
bool take_field(std::string_view& payload, char& letter, std::string_view& text) {
  const std::size_t end = payload.find('\0');
  if (end == std::string_view::npos || end == 0) return false;
  letter = payload[0];
  text = payload.substr(1, end - 1);
  payload.remove_prefix(end + 1);
  return true;
}

// "7" or "7-9".
bool add_range(std::string_view text, std::vector<std::uint32_t>& recipients) {
  const std::size_t dash = text.find('-');
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  if (!parse_number(text.substr(0, dash), first)) return false;
  last = first;
  if (dash != std::string_view::npos && !parse_number(text.substr(dash + 1), last)) return false;
  if (last < first || last - first >= kMaxRecipients - recipients.size()) return false;
  for (std::uint64_t i = first; i <= last; ++i) {
    recipients.push_back(static_cast<std::uint32_t>(i));
  }
  return true;
}

void add_ranges(std::string& payload, const std::vector<std::uint32_t>& recipients) {
  for (std::size_t i = 0; i < recipients.size();) {
    std::size_t end = i + 1;
    while (end < recipients.size() && recipients[end] == recipients[end - 1] + 1) ++end;
    const std::uint32_t first = recipients[i];
    const std::uint32_t last = recipients[end - 1];
    add_field(payload, 'r',
              first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last));
    i = end;
  }
}

bool set_event_field(Event& event, char letter, std::string_view text) {
  switch (letter) {
    case 't':
      return parse_number(text, event.wall_us);
    case 'r':
      return add_range(text, event.recipients);
    case 'n':
      return parse_number(text, event.next_us);
    case 'a':
      return parse_number(text, event.attempts);
    case 'i':
      event.notice = Id::parse(text);
      return event.notice.has_value();
    case 'w':
    case 'p':
      event.text = text;
      return true;
    default:
      return true;
  }
}

bool set_meta_field(Meta& meta, char letter, std::string_view text) {
  switch (letter) {
    case 'A':
      return parse_number(text, meta.arrival_us);
    case 'U':
      return parse_number(text, meta.uid);
    case 'C':
      return parse_number(text, meta.content_crc, 16);
    case 'N':
      meta.notice_about = Id::parse(text);
      return meta.notice_about.has_value();
    default:
      return true;
  }
}

}  // namespace

std::string Header::encode() const {
  std::string line = fmt::format("{}{} gen={:04x} len={:012} ", kHeaderStart, id.text(), generation,
                                 content_octets);
  line += fmt::format("crc={:08x}\n", crc32c(kSeed, line));
  return line;
}

std::optional<Header> Header::decode(std::string_view octets) {
  if (octets.size() != kOctets || !octets.starts_with(kHeaderStart)) return std::nullopt;
  Header header;
  const std::optional<Id> id = Id::parse(octets.substr(kHeaderStart.size(), Id::kLength));
  if (!id || !parse_number(octets.substr(45, 4), header.generation, 16) ||
      !parse_number(octets.substr(54, 12), header.content_octets)) {
    return std::nullopt;
  }
  header.id = *id;
  if (header.content_octets > kMaxContent || header.encode() != octets) return std::nullopt;
  return header;
}

std::string encode(const Record& record, const Id& id, std::uint16_t generation,
                   std::uint64_t offset) {
  std::string octets(kRecordMagic);
  octets.reserve(Record::kHeadOctets + record.payload.size());
  octets += static_cast<char>(record.kind);
  put_le(octets, std::min(record.unsynced, Record::kMaxUnsynced), 3);
  put_le(octets, record.payload.size(), 4);
  put_le(octets, record.sequence, 4);
  put_le(octets, record_crc(octets, record.payload, id, generation, offset), 4);
  octets += record.payload;
  return octets;
}

std::optional<RecordHead> decode_head(std::string_view octets) {
  if (octets.size() < Record::kHeadOctets || !octets.starts_with(kRecordMagic)) return std::nullopt;
  const RecordHead head{.kind = static_cast<Kind>(octets[4]),
                        .unsynced = get_le(octets, 5, 3),
                        .payload_octets = get_le(octets, 8, 4),
                        .sequence = get_le(octets, 12, 4)};
  if (head.payload_octets == 0 || head.payload_octets > Record::kMaxPayload) return std::nullopt;
  return head;
}

std::optional<Record> decode_record(std::string_view octets, const Id& id, std::uint16_t generation,
                                    std::uint64_t offset) {
  const std::optional<RecordHead> head = decode_head(octets);
  if (!head || octets.size() != Record::kHeadOctets + head->payload_octets) return std::nullopt;
  const std::string_view payload = octets.substr(Record::kHeadOctets);
  const std::uint32_t crc = record_crc(octets.substr(0, 16), payload, id, generation, offset);
  if (get_le(octets, 16, 4) != crc) return std::nullopt;
  return Record{.kind = head->kind,
                .sequence = head->sequence,
                .unsynced = head->unsynced,
                .payload = std::string(payload)};
}

bool is_event(Kind kind) {
  switch (kind) {
    case Kind::delivered:
    case Kind::failed:
    case Kind::deferred:
    case Kind::next:
    case Kind::progress:
    case Kind::intent:
    case Kind::noticed:
    case Kind::held:
    case Kind::released:
    case Kind::cancelled:
    case Kind::redirected:
      return true;
    case Kind::envelope:
      return false;
  }
  return false;  // a later version's
}

std::string encode_payload(const Event& event) {
  std::string payload;
  add_field(payload, 't', fmt::format("{}", event.wall_us));
  add_ranges(payload, event.recipients);
  if (!event.text.empty()) {
    add_field(payload, event.kind == Kind::progress ? 'p' : 'w', fit(event.text));
  }
  if (event.next_us != 0) add_field(payload, 'n', fmt::format("{}", event.next_us));
  if (event.attempts != 0) add_field(payload, 'a', fmt::format("{}", event.attempts));
  if (event.notice) add_field(payload, 'i', event.notice->text());
  return payload;
}

std::optional<Event> decode_event(const Record& record) {
  if (!is_event(record.kind)) return std::nullopt;
  Event event;
  event.kind = record.kind;
  std::string_view payload = record.payload;
  while (!payload.empty()) {
    char letter = 0;
    std::string_view text;
    if (!take_field(payload, letter, text)) return std::nullopt;
    if (!set_event_field(event, letter, text)) return std::nullopt;
  }
  return event;
}

// The fields, then the octets of the queue protocol, whose first letter F is no field's.
std::string encode_payload(const Meta& meta, std::string_view envelope) {
  std::string payload;
  payload.reserve(envelope.size() + 128);
  add_field(payload, 'A', fmt::format("{}", meta.arrival_us));
  add_field(payload, 'U', fmt::format("{}", meta.uid));
  add_field(payload, 'C', fmt::format("{:08x}", meta.content_crc));
  if (meta.notice_about) add_field(payload, 'N', meta.notice_about->text());
  payload += envelope;
  return payload;
}

std::string encode_payload(const Meta& meta) {
  return encode_payload(meta, mail::encode(meta.envelope).value());
}

std::optional<Meta> decode_meta(const Record& record) {
  if (record.kind != Kind::envelope) return std::nullopt;
  Meta meta;
  std::string_view payload = record.payload;
  while (!payload.starts_with('F')) {
    char letter = 0;
    std::string_view text;
    if (!take_field(payload, letter, text) || !set_meta_field(meta, letter, text)) {
      return std::nullopt;
    }
  }
  mail::EnvelopeDecoder decoder({.total_octets = Record::kMaxPayload});
  if (decoder.feed(payload) != payload.size() || !decoder.done()) return std::nullopt;
  meta.envelope = std::move(decoder).finish();
  return meta;
}

}  // namespace porpoise::queue
