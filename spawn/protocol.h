// What send and spawn say to each other over one SOCK_SEQPACKET pair: each message is one whole
// datagram of NUL-ended fields. send gives a slot, the content, the sender, the routed address and
// the delivery's earlier progress; never a uid, a home or a file name.
//
//   send -> spawn   "S" slot NUL sender NUL recipient NUL progress NUL     + the content's fd
//                   "E" the same: for another host, by the program of control/remote
//   spawn -> send   "P" slot NUL note NUL                                  a progress note
//                   "R" slot NUL letter NUL text NUL note NUL              the report, the last of
//                   a slot
//
// `letter` is K (delivered), Z (try again later) or D (never). `slot` is decimal.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace porpoise::spawn {

inline constexpr std::size_t kMaxNoteOctets = 1024;    ///< of a progress note
inline constexpr std::size_t kMaxReportOctets = 3000;  ///< of a report's text; longer ones are cut
inline constexpr std::size_t kMaxMessageOctets = 16384;

struct StartDelivery {
  std::uint32_t slot = 0;
  std::string sender{};     ///< after VERP expansion
  std::string recipient{};  ///< as routed
  std::string progress{};   ///< the last note of the attempt before, or ""
  bool elsewhere = false;   ///< not here: for the program of control/remote
};

struct DeliveryNote {
  std::uint32_t slot = 0;
  std::string note;
};

struct DeliveryReport {
  std::uint32_t slot = 0;
  char letter = 'Z';
  std::string text;
  std::string note;  ///< the last progress note, or ""
};

std::string encode(const StartDelivery& message);
std::string encode(const DeliveryNote& message);
std::string encode(const DeliveryReport& message);
std::optional<StartDelivery> decode_start(std::string_view octets);
std::optional<DeliveryNote> decode_note(std::string_view octets);
std::optional<DeliveryReport> decode_report(std::string_view octets);

}  // namespace porpoise::spawn
