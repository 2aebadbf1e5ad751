#include "send/waiting.h"

#include <algorithm>
#include <utility>

#include "send/id_hash.h"

namespace porpoise::send {
namespace {

bool before(const WaitingSet::Entry& a, const WaitingSet::Entry& b) {
  return a.next_s != b.next_s ? a.next_s < b.next_s : a.id < b.id;
}

constexpr std::size_t kFirstSlots = 16;

}  // namespace

bool WaitingSet::insert(const queue::Id& id, std::uint32_t next_s, std::uint32_t tag) {
  make_room();
  const std::size_t slot = slot_of(id);
  if (slots_[slot] != 0) return false;
  heap_.push_back({id, next_s, tag});
  const auto position = static_cast<std::uint32_t>(heap_.size() - 1);
  slots_[slot] = position + 1;
  rise(position);
  return true;
}

bool WaitingSet::set(const queue::Id& id, std::uint32_t next_s) {
  const auto position = position_of(id);
  if (!position) return false;
  heap_[*position].next_s = next_s;
  rise(*position);
  sink(*position_of(id));
  return true;
}

bool WaitingSet::erase(const queue::Id& id) {
  const auto position = position_of(id);
  if (!position) return false;
  remove_at(*position);
  return true;
}

std::optional<std::uint32_t> WaitingSet::next_of(const queue::Id& id) const {
  const auto position = position_of(id);
  if (!position) return std::nullopt;
  return heap_[*position].next_s;
}

WaitingSet::Entry WaitingSet::pop() {
  const Entry first = heap_.front();
  remove_at(0);
  return first;
}

std::vector<queue::Id> WaitingSet::tagged(const std::set<std::uint32_t>& tags,
                                          std::uint32_t after_s, std::size_t most) const {
  std::vector<queue::Id> found;
  for (const Entry& entry : heap_) {
    if (found.size() == most) break;
    if (entry.tag != 0 && entry.next_s > after_s && tags.contains(entry.tag)) {
      found.push_back(entry.id);
    }
  }
  return found;
}

void WaitingSet::set_all(std::uint32_t next_s) {
  for (Entry& entry : heap_) entry.next_s = next_s;
  std::sort(heap_.begin(), heap_.end(), before);  // sorted is a heap
  std::fill(slots_.begin(), slots_.end(), 0);
  for (std::uint32_t i = 0; i < heap_.size(); ++i) note(i);
}

// Cutting times off at one value keeps every parent before its children but for ties.
void WaitingSet::pull_in(std::uint32_t latest_s) {
  for (Entry& entry : heap_) entry.next_s = std::min(entry.next_s, latest_s);
  for (auto i = static_cast<std::uint32_t>(heap_.size() / 2); i-- > 0;) sink(i);
}

std::size_t WaitingSet::octets() const {
  return heap_.size() * sizeof(Entry) + slots_.capacity() * sizeof slots_[0];
}

std::optional<std::uint32_t> WaitingSet::position_of(const queue::Id& id) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t found = slots_[slot_of(id)];
  if (found == 0) return std::nullopt;
  return found - 1;
}

// The slot that holds this id, or the free one where it would go.
std::size_t WaitingSet::slot_of(const queue::Id& id) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(id) & mask;
  while (slots_[slot] != 0 && heap_[slots_[slot] - 1].id != id) slot = (slot + 1) & mask;
  return slot;
}

void WaitingSet::exchange(std::uint32_t a, std::uint32_t b) {
  const std::size_t slot_a = slot_of(heap_[a].id);
  const std::size_t slot_b = slot_of(heap_[b].id);
  std::swap(heap_[a], heap_[b]);
  std::swap(slots_[slot_a], slots_[slot_b]);
}

void WaitingSet::rise(std::uint32_t position) {
  while (position > 0) {
    const std::uint32_t parent = (position - 1) / 2;
    if (!before(heap_[position], heap_[parent])) return;
    exchange(position, parent);
    position = parent;
  }
}

void WaitingSet::sink(std::uint32_t position) {
  for (;;) {
    std::uint32_t child = 2 * position + 1;
    if (child >= heap_.size()) return;
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], heap_[position])) return;
    exchange(position, child);
    position = child;
  }
}

void WaitingSet::remove_at(std::uint32_t position) {
  const auto last = static_cast<std::uint32_t>(heap_.size() - 1);
  if (position != last) exchange(position, last);
  clear_slot(slot_of(heap_[last].id));
  heap_.pop_back();
  if (position == last) return;
  const queue::Id moved = heap_[position].id;
  rise(position);
  sink(*position_of(moved));
}

// At most four of five slots in use, so that a search stays short.
void WaitingSet::make_room() {
  if (!slots_.empty() && (heap_.size() + 1) * 5 <= slots_.size() * 4) return;
  slots_ = std::vector<std::uint32_t>(std::max(kFirstSlots, slots_.size() * 2));
  for (std::uint32_t i = 0; i < heap_.size(); ++i) note(i);
}

// Entries after a freed slot move up, so that a search never stops too early.
void WaitingSet::clear_slot(std::size_t slot) {
  const std::size_t mask = slots_.size() - 1;
  slots_[slot] = 0;
  for (std::size_t next = (slot + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const std::uint32_t kept = std::exchange(slots_[next], 0);
    slots_[slot_of(heap_[kept - 1].id)] = kept;
  }
}

}  // namespace porpoise::send
