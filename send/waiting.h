// The messages that wait: an id and a next time each, found by either. Pure.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "queue/id.h"

namespace porpoise::send {

/// At most kMaxOctetsEach octets a message with both ways in, so a million cost 32 MB: the entries
/// are a heap by (next time, id), and a hash table of 4-octet positions finds one by id.
class WaitingSet {
 public:
  static constexpr std::size_t kMaxOctetsEach = 32;

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

  bool contains(const queue::Id& id) const { return position_of(id).has_value(); }
  std::optional<std::uint32_t> next_of(const queue::Id& id) const;

  /// The one with the earliest time, of equals the oldest id; nullptr where nothing waits.
  const Entry* first() const { return heap_.empty() ? nullptr : &heap_.front(); }
  /// Takes it out. Not for an empty set.
  Entry pop();

  /// Up to `most` of those that wait for one of `tags`, until after `after_s`. Looks at all.
  std::vector<queue::Id> tagged(const std::set<std::uint32_t>& tags, std::uint32_t after_s,
                                std::size_t most) const;

  void set_all(std::uint32_t next_s);
  /// Gives whatever waits for a later time than `latest_s` that time.
  void pull_in(std::uint32_t latest_s);

  /// Every one, in no order.
  template <class Each>
  void for_each(const Each& each) const {
    for (const Entry& entry : heap_) each(entry);
  }

  std::size_t size() const { return heap_.size(); }
  bool empty() const { return heap_.empty(); }
  std::size_t octets() const;  ///< of memory held

 private:
  std::optional<std::uint32_t> position_of(const queue::Id& id) const;
  std::size_t slot_of(const queue::Id& id) const;
  void note(std::uint32_t position) { slots_[slot_of(heap_[position].id)] = position + 1; }
  void exchange(std::uint32_t a, std::uint32_t b);
  void rise(std::uint32_t position);
  void sink(std::uint32_t position);
  void remove_at(std::uint32_t position);
  void make_room();
  void clear_slot(std::size_t slot);

  std::deque<Entry> heap_;            // grows in pieces: a vector would double
  std::vector<std::uint32_t> slots_;  // position + 1 in heap_; 0: free
};

static_assert(sizeof(WaitingSet::Entry) == 20);

}  // namespace porpoise::send
