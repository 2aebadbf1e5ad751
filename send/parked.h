// Messages that are due and wait for a turn: first come, first served, each list for its own
// reason. Pure.

#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "queue/id.h"

namespace porpoise::send {

/// At most kMaxOctetsEach octets a message with both ways in: the entries are singly linked lists
/// in one pool, and a hash table of 4-octet positions finds one by id.
class ParkedSet {
 public:
  static constexpr std::size_t kMaxOctetsEach = 32;

  /// One list; the set holds its entries, whoever parks the list itself.
  struct List {
    std::uint32_t first = 0;  // position + 1; 0: none
    std::uint32_t last = 0;
    std::uint32_t size = 0;
    bool empty() const { return size == 0; }
  };

  struct Message {
    queue::Id id;
    bool forced = false;  ///< due whatever its recipients' times say
    bool asked = false;   ///< somebody asked for this very one
  };
  /// False where the id is in some list already; it stays there.
  bool push(List& list, const Message& message);
  /// The oldest of the list. Not for an empty one.
  Message pop(List& list);

  /// Every id, in no order.
  template <class Each>
  void for_each(const Each& each) const {
    for (const std::uint32_t at : slots_) {
      if (at != 0) each(entries_[at - 1].id);
    }
  }

  bool contains(const queue::Id& id) const;
  std::size_t size() const { return used_; }
  bool empty() const { return used_ == 0; }
  std::size_t octets() const;  ///< of memory held

 private:
  struct Entry {
    queue::Id id;
    std::uint32_t next : 30 = 0;  // of its list, or of the free ones; position + 1
    std::uint32_t forced : 1 = 0;
    std::uint32_t asked : 1 = 0;
  };
  std::size_t slot_of(const queue::Id& id) const;
  void make_room();
  void clear_slot(std::size_t slot);

  std::deque<Entry> entries_;
  std::uint32_t free_ = 0;  // position + 1
  std::size_t used_ = 0;
  std::vector<std::uint32_t> slots_;  // position + 1 in entries_; 0: free
};

}  // namespace porpoise::send
