// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), eight octets a step.

#include <array>
#include <bit>
#include <cstring>

#include "queue/record.h"

namespace porpoise::queue {
namespace {

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
  Table table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 8; ++k) {
      table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
    }
  }
  return table;
}

constexpr Table kTable = make_table();
static_assert(std::endian::native == std::endian::little, "the eight-octet step reads words");

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, std::string_view octets) {
  crc = ~crc;
  while (octets.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, octets.data(), 8);
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= kTable[7 - k][word >> (8 * k) & 255];
    octets.remove_prefix(8);
  }
  for (const char c : octets) {
    crc = crc >> 8 ^ kTable[0][(crc ^ static_cast<std::uint8_t>(c)) & 255];
  }
  return ~crc;
}

}  // namespace porpoise::queue
