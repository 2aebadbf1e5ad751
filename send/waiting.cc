#include "send/waiting.h"

#include <algorithm>
#include <utility>

#include "send/deque_octets.h"

namespace porpoise::send {
namespace {

bool before(const WaitingSet::Entry& a, const WaitingSet::Entry& b) {
  return a.next_s != b.next_s ? a.next_s < b.next_s : a.id < b.id;
}

}  // namespace

bool WaitingSet::insert(const queue::Id& id, std::uint32_t next_s, std::uint32_t tag) {
  if (contains(id)) return false;
  heap_.push_back({id, next_s, tag});
  const auto position = static_cast<std::uint32_t>(heap_.size() - 1);
  index_.insert(id, position, id_at());
  rise(position);
  return true;
}

bool WaitingSet::set(const queue::Id& id, std::uint32_t next_s) {
  const std::uint32_t* position = index_.find(id, id_at());
  if (position == nullptr) return false;
  heap_[*position].next_s = next_s;
  rise(*position);
  sink(*index_.find(id, id_at()));
  return true;
}

bool WaitingSet::erase(const queue::Id& id) {
  const std::uint32_t* position = index_.find(id, id_at());
  if (position == nullptr) return false;
  remove_at(*position);
  return true;
}

bool WaitingSet::contains(const queue::Id& id) const {
  return index_.find(id, id_at()) != nullptr;
}

std::optional<std::uint32_t> WaitingSet::next_of(const queue::Id& id) const {
  const std::uint32_t* position = index_.find(id, id_at());
  if (position == nullptr) return std::nullopt;
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
    ++steps_;
    if (entry.tag != 0 && entry.next_s > after_s && tags.contains(entry.tag)) {
      found.push_back(entry.id);
    }
  }
  return found;
}

void WaitingSet::set_all(std::uint32_t next_s) {
  for (Entry& entry : heap_) entry.next_s = next_s;
  std::sort(heap_.begin(), heap_.end(), before);  // sorted is a heap
  steps_ += heap_.size();
  index_.forget_all();
  for (std::uint32_t i = 0; i < heap_.size(); ++i) index_.insert(heap_[i].id, i, id_at());
}

std::size_t WaitingSet::octets() const {
  return deque_octets(heap_) + index_.octets();
}

void WaitingSet::exchange(std::uint32_t a, std::uint32_t b) {
  std::uint32_t* at_a = index_.find(heap_[a].id, id_at());
  std::uint32_t* at_b = index_.find(heap_[b].id, id_at());
  std::swap(heap_[a], heap_[b]);
  std::swap(*at_a, *at_b);
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
  index_.erase(heap_[last].id, id_at());
  heap_.pop_back();
  if (position == last) return;
  const queue::Id moved = heap_[position].id;
  rise(position);
  sink(*index_.find(moved, id_at()));
}

}  // namespace porpoise::send
