// What blkrec writes and replay reads: a record for each write, flush and discard of a disk, and
// for each mark between them, in the one order in which they were answered.

#pragma once

#include <cstdint>

namespace porpoise::crash {

enum class BlockOp : std::uint32_t { write = 1, flush = 2, zero = 3, mark = 4 };

/// Followed by `octets` octets of data for write and mark.
struct BlockRecord {
  BlockOp op{};
  std::uint32_t octets = 0;
  std::uint64_t offset = 0;
  std::uint64_t zero_octets = 0;  ///< zero: how many
};

}  // namespace porpoise::crash
