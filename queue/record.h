// The parts of a queue file, as octets (queue(5) documents them byte by byte). Pure.
//
//   header     one line of Header::kOctets, text
//   content    the message, never changed
//   envelope   one record, kind 'E'
//   log        records, appended as things happen

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/envelope.h"
#include "libmail/result.h"
#include "queue/id.h"

namespace porpoise::queue {

struct Header {
  Id id;
  std::uint16_t generation = 0;  ///< raised when a message is written anew under its id
  std::uint64_t content_octets = 0;

  static constexpr std::size_t kOctets = 80;
  static constexpr std::uint64_t kMaxContent = 999'999'999'999;
  std::string encode() const;  ///< kOctets, ends in LF
  /// Nothing unless every octet is as encode() writes it, the checksum included.
  static std::optional<Header> decode(std::string_view octets);
};

/// What a record says. All kinds are reserved here, whether or not something writes them yet; a
/// reader skips kinds it does not know.
enum class Kind : char {
  envelope = 'E',
  delivered = 'D',  ///< recipients done
  failed = 'F',     ///< recipients refused for good, and why
  deferred = 'Z',   ///< recipients to be tried again, and why
  next = 'N',       ///< when the message is tried next
  progress = 'P',   ///< a delivery's own note, given back to it at its next attempt
  intent = 'I',     ///< a notice with this id will be queued about these recipients
  noticed = 'Q',    ///< that notice is queued
  held = 'H',
  released = 'L',
  cancelled = 'C',
  redirected = 'R',
};

struct Record {
  Kind kind{};
  std::uint32_t sequence = 0;  ///< 0 for the envelope, then 1, 2, ...
  /// How many of the records just before this one were not known to be synced when it was
  /// written. A crash may lose any of those and still keep this one; were one of the others bad,
  /// it would be damage.
  std::uint32_t unsynced = 0;
  std::string payload{};  ///< 1 octet to kMaxPayload

  static constexpr std::size_t kHeadOctets = 20;
  static constexpr std::uint32_t kMaxUnsynced = 0xffffff;  ///< or more
  static constexpr std::size_t kMaxPayload = 256u << 20;
};

/// The octets of a record that will stand at `offset` of the file of message `id`.
std::string encode(const Record& record, const Id& id, std::uint16_t generation,
                   std::uint64_t offset);

/// What the head of a record says of it, the checksum not yet looked at.
struct RecordHead {
  Kind kind{};
  std::uint32_t unsynced = 0;
  std::uint32_t payload_octets = 0;
  std::uint32_t sequence = 0;
};
std::optional<RecordHead> decode_head(std::string_view octets);

/// A whole record, head and payload and nothing else. Nothing unless every octet is as encode()
/// wrote it, for this message, generation and offset.
std::optional<Record> decode_record(std::string_view octets, const Id& id, std::uint16_t generation,
                                    std::uint64_t offset);

/// What each record begins with; text in a payload never holds it.
inline constexpr std::string_view kRecordMagic = "\xf5PQ\n";

/// Whether this version knows what records of that kind say; readers skip the others.
bool is_event(Kind kind);

/// What a record stands for in the log: everything but the envelope. Fields that a kind does not
/// use are empty; unknown fields are skipped.
struct Event {
  Kind kind{};
  std::int64_t wall_us = 0;                 ///< when it happened
  std::vector<std::uint32_t> recipients{};  ///< indexes into Envelope::recipients
  std::string text{};                       ///< the report or reason; progress: the note
  std::int64_t next_us = 0;                 ///< kind next: wall-clock time of the next attempt
  std::uint32_t attempts = 0;               ///< kind next: attempts made so far
  std::optional<Id> notice{};               ///< intent and noticed

  static constexpr std::size_t kMaxText = 8192;  ///< what is longer is cut when written
};
std::string encode_payload(const Event& event);
/// Nothing for a kind that is_event() does not know, and for a payload that makes no sense.
std::optional<Event> decode_event(const Record& record);

/// The payload of the envelope record.
struct Meta {
  std::int64_t arrival_us = 0;       ///< wall clock
  std::uint32_t uid = 0;             ///< who handed it in
  std::uint32_t content_crc = 0;     ///< CRC-32C of the content
  std::optional<Id> notice_about{};  ///< set on a notice: the message it reports about
  mail::Envelope envelope{};
};
std::string encode_payload(const Meta& meta);
/// The same with `envelope`, the octets of the queue protocol as they are, for Meta::envelope.
std::string encode_payload(const Meta& meta, std::string_view envelope);
std::optional<Meta> decode_meta(const Record& record);

/// CRC-32C (Castagnoli), continued from `crc` (0 to begin).
std::uint32_t crc32c(std::uint32_t crc, std::string_view octets);

}  // namespace porpoise::queue
