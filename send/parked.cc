#include "send/parked.h"

#include <algorithm>
#include <utility>

#include "send/id_hash.h"

namespace porpoise::send {
namespace {
constexpr std::size_t kFirstSlots = 16;
constexpr std::uint32_t kPosition = (1u << 30) - 1;
}  // namespace

bool ParkedSet::push(List& list, const Message& message) {
  make_room();
  const std::size_t slot = slot_of(message.id);
  if (slots_[slot] != 0) return false;
  std::uint32_t at = free_;
  if (at != 0) {
    free_ = entries_[at - 1].next;
  } else {
    entries_.emplace_back();
    at = static_cast<std::uint32_t>(entries_.size());
  }
  Entry& entry = entries_[at - 1];
  entry.id = message.id;
  entry.next = 0;
  entry.forced = message.forced;
  entry.asked = message.asked;
  slots_[slot] = at;
  ++used_;
  if (list.last != 0) entries_[list.last - 1].next = at & kPosition;
  if (list.first == 0) list.first = at;
  list.last = at;
  ++list.size;
  return true;
}

ParkedSet::Message ParkedSet::pop(List& list) {
  const std::uint32_t at = list.first;
  Entry& entry = entries_[at - 1];
  const Message message{entry.id, entry.forced != 0, entry.asked != 0};
  clear_slot(slot_of(entry.id));
  list.first = entry.next;
  entry.next = free_ & kPosition;
  free_ = at;
  if (--list.size == 0) list.last = 0;
  if (--used_ == 0) {  // a flood that is over gives its memory back
    entries_.clear();
    std::vector<std::uint32_t>().swap(slots_);
    free_ = 0;
  }
  return message;
}

bool ParkedSet::contains(const queue::Id& id) const {
  return !slots_.empty() && slots_[slot_of(id)] != 0;
}

std::size_t ParkedSet::octets() const {
  return entries_.size() * sizeof(Entry) + slots_.capacity() * sizeof slots_[0];
}

std::size_t ParkedSet::slot_of(const queue::Id& id) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(id) & mask;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1].id != id) slot = (slot + 1) & mask;
  return slot;
}

// At most four of five slots in use, so that a search stays short.
void ParkedSet::make_room() {
  if (!slots_.empty() && (used_ + 1) * 5 <= slots_.size() * 4) return;
  const std::vector<std::uint32_t> before =
      std::exchange(slots_, std::vector<std::uint32_t>(std::max(kFirstSlots, slots_.size() * 2)));
  for (const std::uint32_t at : before) {
    if (at != 0) slots_[slot_of(entries_[at - 1].id)] = at;
  }
}

// Entries after a freed slot move up, so that a search never stops too early.
void ParkedSet::clear_slot(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  slots_[slot] = 0;
  for (std::size_t next = (slot + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const std::uint32_t kept = std::exchange(slots_[next], 0);
    slots_[slot_of(entries_[kept - 1].id)] = kept;
  }
}

}  // namespace porpoise::send
