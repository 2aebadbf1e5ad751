#include "send/parked.h"

#include <utility>

#include "send/deque_octets.h"

namespace porpoise::send {
namespace {
constexpr std::uint32_t kPosition = (1u << 29) - 1;
}  // namespace

bool ParkedSet::push(List& list, const Message& message) {
  if (contains(message.id)) return false;
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
  entry.used = 1;
  entry.forced = message.forced;
  entry.asked = message.asked;
  index_.insert(message.id, at - 1, id_at());
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
  index_.erase(entry.id, id_at());
  list.first = entry.next;
  entry.used = 0;
  entry.next = free_ & kPosition;
  free_ = at;
  if (--list.size == 0) list.last = 0;
  if (--used_ == 0) {  // a flood that is over gives its memory back
    std::deque<Entry>().swap(entries_);
    index_.free_all();
    free_ = 0;
  }
  return message;
}

bool ParkedSet::contains(const queue::Id& id) const {
  return index_.find(id, id_at()) != nullptr;
}

std::size_t ParkedSet::octets() const {
  return deque_octets(entries_) + index_.octets();
}

}  // namespace porpoise::send
