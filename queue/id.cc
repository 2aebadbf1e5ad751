#include "queue/id.h"

#include <algorithm>

namespace porpoise::queue {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kTimeOctets = 7;
constexpr std::size_t kFolderLength = 2;

}  // namespace

Id Id::make(std::int64_t wall_us, std::uint64_t random) {
  Id id;
  auto time = static_cast<std::uint64_t>(wall_us);
  for (std::size_t i = kTimeOctets; i-- > 0; time >>= 8) {
    id.octets_[i] = static_cast<std::uint8_t>(time);
  }
  for (std::size_t i = id.octets_.size(); i-- > kTimeOctets; random >>= 8) {
    id.octets_[i] = static_cast<std::uint8_t>(random);
  }
  return id;
}

// 20 characters hold 100 bits, of which the first 4 are zero. From the right, five bits a
// character and eight an octet meet through a small accumulator.
std::string Id::text() const {
  std::string text(kLength, '0');
  unsigned bits = 0;
  unsigned count = 0;
  std::size_t next = octets_.size();
  for (std::size_t i = kLength; i-- > 0;) {
    if (count < 5 && next > 0) {
      bits |= static_cast<unsigned>(octets_[--next]) << count;
      count += 8;
    }
    text[i] = kAlphabet[bits & 31];
    bits >>= 5;
    count = count < 5 ? 0 : count - 5;
  }
  return text;
}

std::optional<Id> Id::parse(std::string_view text) {
  if (text.size() != kLength || text[0] > '1') return std::nullopt;
  Id id;
  unsigned bits = 0;
  unsigned count = 0;
  std::size_t next = id.octets_.size();
  for (std::size_t i = kLength; i-- > 0;) {
    const std::size_t digit = kAlphabet.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    bits |= static_cast<unsigned>(digit) << count;
    count += 5;
    if (count >= 8 && next > 0) {
      id.octets_[--next] = static_cast<std::uint8_t>(bits);
      bits >>= 8;
      count -= 8;
    }
  }
  return id;
}

std::int64_t Id::wall_us() const {
  std::uint64_t time = 0;
  for (std::size_t i = 0; i < kTimeOctets; ++i) time = time << 8 | octets_[i];
  return static_cast<std::int64_t>(time);
}

std::string_view Id::octets() const {
  return {reinterpret_cast<const char*>(octets_.data()), octets_.size()};
}

Id Id::from_octets(std::string_view octets) {
  Id id;
  for (std::size_t i = 0; i < std::min(octets.size(), kOctets); ++i) {
    id.octets_[i] = static_cast<std::uint8_t>(octets[i]);
  }
  return id;
}

std::uint32_t Id::folder_number() const {
  return (std::uint32_t{octets_[kOctets - 2]} << 8 | octets_[kOctets - 1]) & 1023;
}

std::string Id::folder() const {
  return text().substr(kLength - kFolderLength);
}

}  // namespace porpoise::queue
