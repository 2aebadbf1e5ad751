#include "send/id_index.h"

#include <algorithm>

namespace porpoise::send {

void IdIndex::forget_all() {
  for (Shard& shard : shards_) {
    std::ranges::fill(shard.slots, kFree);
    shard.used = 0;
  }
}

void IdIndex::free_all() {
  std::vector<Shard>().swap(shards_);
}

std::size_t IdIndex::octets() const {
  std::size_t octets = shards_.capacity() * sizeof(Shard);
  for (const Shard& shard : shards_) octets += shard.slots.capacity() * sizeof(std::uint32_t);
  return octets;
}

}  // namespace porpoise::send
