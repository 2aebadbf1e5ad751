// Messages that are due and wait for a turn: first come, first served, each list for its own
// reason. Pure.

#pragma once

#include <cstdint>
#include <deque>

#include "queue/id.h"
#include "send/id_index.h"

namespace porpoise::send {

/// At most kFixedOctets and kMaxOctetsEach a message with both ways in: the entries are singly
/// linked lists in one pool, and an index finds one by id. The pool's room is given back when all
/// are gone.
class ParkedSet {
 public:
  static constexpr std::size_t kMaxOctetsEach = 32;
  static constexpr std::size_t kFixedOctets = IdIndex::kFixedOctets + 2048;

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

  /// Every id, in no order. Looks at all the pool.
  template <class Each>
  void for_each(const Each& each) const {
    for (const Entry& entry : entries_) {
      if (entry.used) each(entry.id);
    }
  }

  bool contains(const queue::Id& id) const;
  std::size_t size() const { return used_; }
  bool empty() const { return used_ == 0; }
  std::size_t octets() const;                             ///< of memory held, or a few more
  std::uint64_t steps() const { return index_.steps(); }  ///< so far, for tests

 private:
  struct Entry {
    queue::Id id;
    std::uint32_t next : 29 = 0;  // of its list, or of the free ones; position + 1
    std::uint32_t used : 1 = 0;
    std::uint32_t forced : 1 = 0;
    std::uint32_t asked : 1 = 0;
  };
  auto id_at() const {
    return [this](std::uint32_t position) -> const queue::Id& { return entries_[position].id; };
  }

  std::deque<Entry> entries_;
  std::uint32_t free_ = 0;  // position + 1
  std::size_t used_ = 0;
  IdIndex index_;  // in entries_
};

}  // namespace porpoise::send
