#include "queue/record.h"

#include <gtest/gtest.h>

using namespace std::string_literals;

namespace porpoise::queue {
namespace {

const Id kId = Id::make(1'795'252'194'123'456, 0x123456789a);

TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(0, ""), 0u);
  EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(0, std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, ItNeverDependsOnWhereThePiecesSplit) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  for (std::size_t n = 0; n <= text.size(); ++n) {
    EXPECT_EQ(crc32c(crc32c(0, text.substr(0, n)), text.substr(n)), crc32c(0, text));
  }
}

TEST(Header, IsOneLineOfEightyOctets) {
  const Header header{.id = kId, .generation = 0x2a, .content_octets = 4711};
  const std::string line = header.encode();
  EXPECT_EQ(line.size(), Header::kOctets);
  EXPECT_EQ(line.substr(0, 67),
            "PORPOISE-QUEUE 1 id=" + kId.text() + " gen=002a len=000000004711 ");
  EXPECT_EQ(line.find('\n'), 79u);
  const auto read = Header::decode(line);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, kId);
  EXPECT_EQ(read->generation, 0x2a);
  EXPECT_EQ(read->content_octets, 4711u);
}

TEST(Header, EveryOtherOctetIsNoticed) {
  const std::string line = Header{.id = kId, .content_octets = 12}.encode();
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = line;
      bad[at] = static_cast<char>(bad[at] ^ 1 << bit);
      EXPECT_FALSE(Header::decode(bad)) << at;
    }
  }
  EXPECT_FALSE(Header::decode(line.substr(0, 79)));
  EXPECT_FALSE(Header::decode(line + "x"));
  EXPECT_FALSE(Header::decode(std::string(80, '\0'))) << "not filled in yet";
  EXPECT_FALSE(Header::decode(""));
}

const Record kRecord{.kind = Kind::deferred, .sequence = 7, .unsynced = 3, .payload = "t1\0wno\0"s};

TEST(Record, IsReadBackTheSame) {
  const std::string octets = encode(kRecord, kId, 1, 4096);
  EXPECT_EQ(octets.size(), Record::kHeadOctets + kRecord.payload.size());
  EXPECT_EQ(octets.substr(0, 16), "\xf5PQ\nZ\x03\0\0\x07\0\0\0\x07\0\0\0"s);
  const auto read = decode_record(octets, kId, 1, 4096);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Kind::deferred);
  EXPECT_EQ(read->sequence, 7u);
  EXPECT_EQ(read->unsynced, 3u);
  EXPECT_EQ(read->payload, kRecord.payload);
}

TEST(Record, BelongsToItsMessageGenerationAndPlace) {
  const std::string octets = encode(kRecord, kId, 1, 4096);
  EXPECT_FALSE(decode_record(octets, Id::make(1, 1), 1, 4096));
  EXPECT_FALSE(decode_record(octets, kId, 2, 4096));
  EXPECT_FALSE(decode_record(octets, kId, 1, 4097));
  EXPECT_FALSE(decode_record(octets, kId, 1, 4096 + (std::uint64_t{1} << 32)));
}

TEST(Record, EveryOtherBitIsNoticed) {
  const std::string octets = encode(kRecord, kId, 1, 4096);
  for (std::size_t at = 0; at < octets.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = octets;
      bad[at] = static_cast<char>(bad[at] ^ 1 << bit);
      EXPECT_FALSE(decode_record(bad, kId, 1, 4096)) << at;
    }
  }
  for (std::size_t n = 0; n < octets.size(); ++n) {
    EXPECT_FALSE(decode_record(octets.substr(0, n), kId, 1, 4096)) << n;
  }
  EXPECT_FALSE(decode_record(octets + "x", kId, 1, 4096));
}

TEST(Record, ZerosAndEmptyPayloadsAreNone) {
  EXPECT_FALSE(decode_head(std::string(20, '\0')));
  EXPECT_FALSE(decode_head(encode({.kind = Kind::held, .payload = ""}, kId, 0, 0)));
  EXPECT_FALSE(decode_head("\xf5PQ\nZ\0\0\0\xff\xff\xff\xff\x07\0\0\0...."s)) << "too long";
  EXPECT_FALSE(decode_head("\xf5PQ\n"));
}

TEST(Record, ManyUnsyncedOnesAreSomeNumber) {
  const std::string octets =
      encode({.kind = Kind::held, .unsynced = 1u << 30, .payload = "t"}, kId, 0, 0);
  EXPECT_EQ(decode_head(octets)->unsynced, Record::kMaxUnsynced);
}

// An event through its payload and back.
Event again(const Event& event) {
  return decode_event({.kind = event.kind, .payload = encode_payload(event)}).value();
}

TEST(Event, IsReadBackTheSame) {
  const Event event{.kind = Kind::next,
                    .wall_us = -5,
                    .recipients = {0, 1, 2, 9, 11, 12, 4},
                    .text = "connection refused",
                    .next_us = 1'795'252'194'123'456,
                    .attempts = 3,
                    .notice = kId};
  EXPECT_EQ(encode_payload(event),
            "t-5\0r0-2\0r9\0r11-12\0r4\0wconnection refused\0n1795252194123456\0a3\0i"s +
                kId.text() + "\0"s);
  const Event read = again(event);
  EXPECT_EQ(read.kind, Kind::next);
  EXPECT_EQ(read.wall_us, -5);
  EXPECT_EQ(read.recipients, event.recipients);
  EXPECT_EQ(read.text, "connection refused");
  EXPECT_EQ(read.next_us, event.next_us);
  EXPECT_EQ(read.attempts, 3u);
  EXPECT_EQ(read.notice, kId);
}

TEST(Event, AProgressNoteHasALetterOfItsOwn) {
  const Event event{.kind = Kind::progress, .wall_us = 1, .recipients = {2}, .text = "line 3"};
  EXPECT_EQ(encode_payload(event), "t1\0r2\0pline 3\0"s);
  EXPECT_EQ(again(event).text, "line 3");
}

TEST(Event, TextCannotEndItsFieldNorLookLikeARecord) {
  EXPECT_EQ(again({.kind = Kind::failed, .text = "a\0b"s}).text, "a?b");
  EXPECT_EQ(again({.kind = Kind::failed, .text = "\xf5PQ\n\xf5PQ\nx"}).text, "?PQ\n?PQ\nx");
  EXPECT_EQ(again({.kind = Kind::failed, .text = std::string(9000, 'x')}).text.size(),
            Event::kMaxText);
}

TEST(Event, UnknownFieldsAreSkipped) {
  const auto event = decode_event({.kind = Kind::held, .payload = "t5\0Xwhatever\0a2\0"s});
  ASSERT_TRUE(event);
  EXPECT_EQ(event->wall_us, 5);
  EXPECT_EQ(event->attempts, 2u);
}

TEST(Event, PayloadsWithoutSenseAreNone) {
  for (const std::string& payload :
       {"t5"s, "tx\0"s, "t\0"s, "r5-3\0"s, "r-\0"s, "r1-\0"s, "r-1\0"s, "r4294967296\0"s,
        "r0-4294967295\0"s, "a-1\0"s, "n1 \0"s, "i123\0"s, "\0"s, "t5\0\0"s}) {
    EXPECT_FALSE(decode_event({.kind = Kind::next, .payload = payload})) << payload;
  }
  EXPECT_FALSE(decode_event({.kind = Kind::envelope, .payload = "t5\0"s}));
  EXPECT_FALSE(decode_event({.kind = static_cast<Kind>('!'), .payload = "t5\0"s}));
}

TEST(Meta, IsReadBackTheSame) {
  const Meta meta{.arrival_us = 5,
                  .uid = 4294967294,
                  .content_crc = 0xbeef,
                  .notice_about = kId,
                  .envelope = {.sender = "a",
                               .parameters = {{"RET", "HDRS"}},
                               .recipients = {{"b", {{"NOTIFY", "NEVER"}}}}}};
  const std::string payload = encode_payload(meta);
  EXPECT_EQ(payload, "A5\0U4294967294\0C0000beef\0N"s + kId.text() +
                         "\0Fa\0PRET=HDRS\0Tb\0RNOTIFY=NEVER\0\0"s);
  const auto read = decode_meta({.kind = Kind::envelope, .payload = payload});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->arrival_us, 5);
  EXPECT_EQ(read->uid, 4294967294u);
  EXPECT_EQ(read->content_crc, 0xbeefu);
  EXPECT_EQ(read->notice_about, kId);
  EXPECT_EQ(mail::encode(read->envelope).value(), mail::encode(meta.envelope).value());
}

TEST(Meta, PayloadsWithoutSenseAreNone) {
  for (const std::string& payload : {""s, "A5\0"s, "A5\0Fa\0"s, "A5\0Fa\0\0x"s, "Ax\0Fa\0\0"s,
                                     "U-1\0Fa\0\0"s, "Cxyz\0Fa\0\0"s, "N12\0Fa\0\0"s}) {
    EXPECT_FALSE(decode_meta({.kind = Kind::envelope, .payload = payload})) << payload;
  }
  EXPECT_FALSE(decode_meta({.kind = Kind::held, .payload = "Fa\0\0"s}));
  EXPECT_TRUE(decode_meta({.kind = Kind::envelope, .payload = "ZZunknown\0Fa\0\0"s}));
}

}  // namespace
}  // namespace porpoise::queue
