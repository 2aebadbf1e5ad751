// The messages that wait: an id and a next time each, found by either. Pure.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "queue/id.h"
#include "send/id_index.h"

namespace porpoise::send {

/// At most kFixedOctets and kMaxOctetsEach a message with both ways in, so a million cost 32 MB:
/// the entries are a heap by (next time, id), and an index finds one by id. What is to do for one
/// message grows with the logarithm of their number, and with each 256 of them by one now and then;
/// only what is said to look at all does.
class WaitingSet {
 public:
  static constexpr std::size_t kMaxOctetsEach = 32;
  static constexpr std::size_t kFixedOctets = IdIndex::kFixedOctets + 2048;

  struct Entry {
    queue::Id id;
    std::uint32_t next_s = 0;  ///< seconds since 1970; 0: before everything else
    std::uint32_t tag = 0;     ///< what it waits for, where that is known; 0: nothing known
  };

  /// False where the id is there already; it keeps its time then.
  bool insert(const queue::Id& id, std::uint32_t next_s, std::uint32_t tag = 0);
  /// Gives it another time. False where it is not there.
  bool set(const queue::Id& id, std::uint32_t next_s);
  bool erase(const queue::Id& id);

  bool contains(const queue::Id& id) const;
  std::optional<std::uint32_t> next_of(const queue::Id& id) const;

  /// The one with the earliest time, of equals the oldest id; nullptr where nothing waits.
  const Entry* first() const { return heap_.empty() ? nullptr : &heap_.front(); }
  /// Takes it out. Not for an empty set.
  Entry pop();

  /// Up to `most` of those that wait for one of `tags`, until after `after_s`. Looks at all.
  std::vector<queue::Id> tagged(const std::set<std::uint32_t>& tags, std::uint32_t after_s,
                                std::size_t most) const;

  /// Looks at all.
  void set_all(std::uint32_t next_s);
  /// Gives every one the time that `change` makes of its own. Looks at all.
  template <class Change>
  void change_all(const Change& change) {
    steps_ += heap_.size();
    for (Entry& entry : heap_) entry.next_s = change(entry.next_s);
    for (auto i = static_cast<std::uint32_t>(heap_.size() / 2); i-- > 0;) sink(i);
  }

  /// Every one, in no order.
  template <class Each>
  void for_each(const Each& each) const {
    for (const Entry& entry : heap_) each(entry);
  }

  std::size_t size() const { return heap_.size(); }
  bool empty() const { return heap_.empty(); }
  std::size_t octets() const;  ///< of memory held, or a few more
  std::uint64_t steps() const { return steps_ + index_.steps(); }  ///< so far, for tests

 private:
  auto id_at() const {
    return [this](std::uint32_t position) -> const queue::Id& { return heap_[position].id; };
  }
  void exchange(std::uint32_t a, std::uint32_t b);
  void rise(std::uint32_t position);
  void sink(std::uint32_t position);
  void remove_at(std::uint32_t position);

  std::deque<Entry> heap_;  // grows in pieces: a vector would double
  IdIndex index_;           // in heap_
  mutable std::uint64_t steps_ = 0;
};

static_assert(sizeof(WaitingSet::Entry) == 20);

}  // namespace porpoise::send
