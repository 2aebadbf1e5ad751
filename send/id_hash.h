// Where an id goes in a hash table.

#pragma once

#include <cstdint>
#include <cstring>

#include "queue/id.h"

namespace porpoise::send {

inline std::size_t hash_of(const queue::Id& id) {
  static_assert(sizeof id == 12);
  std::uint64_t time;
  std::uint32_t rest;
  std::memcpy(&time, &id, sizeof time);
  std::memcpy(&rest, reinterpret_cast<const char*>(&id) + sizeof time, sizeof rest);
  const std::uint64_t mixed = (time ^ rest) * 0x9e3779b97f4a7c15u;
  return mixed ^ (mixed >> 32);
}

}  // namespace porpoise::send
