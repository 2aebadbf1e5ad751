// Which entry of a set has an id: a hash table of 4-octet positions, in shards, so that growing one
// never is work for all. The ids themselves stand in the entries. Pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "queue/id.h"

namespace porpoise::send {

/// At most kFixedOctets and kMaxOctetsEach an entry. `id_at(position)`, given to each call, is the
/// id of the entry there; positions are below 2^32 - 1.
class IdIndex {
 public:
  static constexpr std::size_t kShards = 256;
  static constexpr std::size_t kMaxOctetsEach = 9;
  static constexpr std::size_t kFixedOctets = std::size_t{24} * 1024;

  /// The position of the entry with that id, in a place of its own: what is written to it is found
  /// from then on. nullptr: no entry has it.
  template <class IdAt>
  std::uint32_t* find(const queue::Id& id, const IdAt& id_at) {
    if (shards_.empty()) return nullptr;
    Shard& shard = shards_[shard_of(id)];
    if (shard.slots.empty()) return nullptr;
    std::uint32_t& slot = shard.slots[slot_of(shard, id, id_at)];
    return slot == kFree ? nullptr : &slot;
  }
  template <class IdAt>
  const std::uint32_t* find(const queue::Id& id, const IdAt& id_at) const {
    return const_cast<IdIndex*>(this)->find(id, id_at);
  }

  /// That id is at `position` from now on. Not for one that is there.
  template <class IdAt>
  void insert(const queue::Id& id, std::uint32_t position, const IdAt& id_at) {
    if (shards_.empty()) shards_.resize(kShards);
    Shard& shard = shards_[shard_of(id)];
    // At most four of five slots in use, so that a search stays short.
    if ((std::size_t{shard.used} + 1) * 5 > shard.slots.size() * 4) resize(shard, id_at);
    shard.slots[slot_of(shard, id, id_at)] = position;
    ++shard.used;
  }
  /// Not for one that is not there. Its entry has to be there still.
  template <class IdAt>
  void erase(const queue::Id& id, const IdAt& id_at) {
    Shard& shard = shards_[shard_of(id)];
    clear(shard, slot_of(shard, id, id_at), id_at);
    --shard.used;
    const std::size_t size = shard.slots.size();
    const bool sparse = size > kFew && std::size_t{shard.used} * 20 < size * 9;
    if (sparse) resize(shard, id_at);
  }

  void forget_all();  ///< and keeps its room: for when all entries have changed their places
  void free_all();
  std::size_t octets() const;                     ///< of memory held
  std::uint64_t steps() const { return steps_; }  ///< looks at a slot so far, for tests

 private:
  static constexpr std::uint32_t kFree = 0xffffffff;
  static constexpr std::size_t kFew = 16;

  struct Shard {
    std::vector<std::uint32_t> slots;
    std::uint32_t used = 0;
  };

  static std::uint64_t hash_of(const queue::Id& id) {
    static_assert(sizeof id == 12);
    std::uint64_t time;
    std::uint32_t rest;
    std::memcpy(&time, &id, sizeof time);
    std::memcpy(&rest, reinterpret_cast<const char*>(&id) + sizeof time, sizeof rest);
    const std::uint64_t mixed = (time ^ rest) * 0x9e3779b97f4a7c15u;
    return (mixed ^ (mixed >> 32)) * 0xd6e8feb86659fd93u;
  }
  static std::size_t shard_of(const queue::Id& id) { return hash_of(id) >> 56; }

  // The slot that has this id, or the free one where it would go.
  template <class IdAt>
  std::size_t slot_of(const Shard& shard, const queue::Id& id, const IdAt& id_at) const {
    const std::uint64_t part = (hash_of(id) >> 24) & 0xffffffff;
    std::size_t slot = (part * shard.slots.size()) >> 32;
    for (;;) {
      ++steps_;
      if (shard.slots[slot] == kFree || id_at(shard.slots[slot]) == id) return slot;
      slot = after(shard, slot);
    }
  }
  static std::size_t after(const Shard& shard, std::size_t slot) {
    return slot + 1 == shard.slots.size() ? 0 : slot + 1;
  }

  // Entries after a freed slot move up, so that a search never stops too early.
  template <class IdAt>
  void clear(Shard& shard, std::size_t slot, const IdAt& id_at) {
    shard.slots[slot] = kFree;
    for (std::size_t next = after(shard, slot); shard.slots[next] != kFree;
         next = after(shard, next)) {
      const std::uint32_t position = shard.slots[next];
      shard.slots[next] = kFree;
      shard.slots[slot_of(shard, id_at(position), id_at)] = position;
    }
  }

  // To about five slots for each three in use.
  template <class IdAt>
  void resize(Shard& shard, const IdAt& id_at) {
    std::vector<std::uint32_t> slots(std::size_t{shard.used} * 8 / 5 + 4, kFree);
    slots.swap(shard.slots);
    for (const std::uint32_t position : slots) {
      if (position != kFree) shard.slots[slot_of(shard, id_at(position), id_at)] = position;
    }
  }

  std::vector<Shard> shards_;  // none before the first entry
  mutable std::uint64_t steps_ = 0;
};

}  // namespace porpoise::send
