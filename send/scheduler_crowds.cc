// Who waits for which destination: the groups of open messages, and what is parked.

#include <algorithm>
#include <tuple>
#include <utility>

#include "send/scheduler.h"

namespace porpoise::send {

using queue::Id;

// What is to be tried now, by channel and destination; how many that are. Groups whose destination
// has no place wait for it from the beginning, and take no turns from others.
std::size_t Scheduler::group(Message& m) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < m.recipients.size(); ++i) {
    if (m.recipients[i].status == Status::todo) order.push_back(i);
  }
  const auto where = [&](std::uint32_t i) {
    return std::tuple(m.recipients[i].channel, m.recipients[i].crowd, i);
  };
  std::ranges::sort(order, {}, where);
  Recipient* before = nullptr;
  for (const std::uint32_t i : order) {
    Recipient& r = m.recipients[i];
    if (before != nullptr && before->crowd == r.crowd && before->channel == r.channel) {
      before->after = i;
    } else {
      m.groups.push_back({.to = r.crowd, .next = i, .channel = r.channel});
    }
    before = &r;
  }
  for (std::uint32_t g = 0; g < m.groups.size(); ++g) {
    const auto crowd = crowds_.find(m.groups[g].to);
    if (crowd != crowds_.end() && !has_place(crowd->second)) {
      block(m, m.groups[g], crowd->second);
    } else {
      m.add_turn(g);
    }
  }
  return order.size();
}

void Scheduler::Message::add_turn(std::uint32_t group) {
  Share& share = of(groups[group].channel);
  std::uint32_t& before = share.has_turns() ? groups[share.last].turn : share.first;
  before = group;
  share.last = group;
}

std::uint32_t Scheduler::Message::take_turn(Channel c) {
  Share& share = of(c);
  return std::exchange(share.first, std::exchange(groups[share.first].turn, kNone));
}

Scheduler::Group* Scheduler::Message::group_of(Channel c, Destination to) {
  const auto where = [](const Group& g) { return std::pair(g.channel, g.to); };
  const auto at = std::ranges::lower_bound(groups, std::pair(c, to), {}, where);
  return at != groups.end() && at->to == to ? &*at : nullptr;
}

void Scheduler::block(Message& m, Group& g, Crowd& crowd) {
  g.blocked = true;
  crowd.queue(m.kind).blocked.push_back(m.id);
}

bool Scheduler::has_place(const Crowd& crowd) const {
  const std::uint32_t taken = crowd.running[0] + crowd.running[1] + crowd.promised;
  return taken < places(crowd.channel);
}

// A few open messages wait for it; more are parked.
bool Scheduler::wants_back(const Crowd& crowd, Class kind) const {
  if (!crowd.of || (*crowd.of)[kind].parked.empty()) return false;
  return (*crowd.of)[kind].blocked.size() + crowd.opening < places(crowd.channel);
}

// After something ended there: its places go to those that wait for them, and what is parked there
// may come back. One that nobody is at is forgotten.
void Scheduler::settle(Channel c, Destination to, Time now) {
  const auto at = crowds_.find(to);
  if (at == crowds_.end()) return;
  Crowd& crowd = at->second;
  while (has_place(crowd)) {
    const bool fresh = crowd.blocks(first_attempt);
    const bool due = crowd.blocks(another);
    if (!fresh && !due) break;
    const bool first = fresh && (!due || crowd.running[first_attempt] <= crowd.running[another]);
    std::vector<Id>& blocked = crowd.queue(first ? first_attempt : another).blocked;
    Message& m = *find(blocked.front());
    blocked.erase(blocked.begin());
    Group* g = m.group_of(c, to);
    g->blocked = false;
    g->promised = true;
    ++crowd.promised;
    m.add_turn(static_cast<std::uint32_t>(g - m.groups.data()));
    make_ready(m, c, now);
  }
  for (const Class kind : {first_attempt, another}) {
    if (!wants_back(crowd, kind) || std::exchange(crowd.queue(kind).returning, true)) continue;
    of(c).returning[kind].push(to);
  }
  if (crowd.nobody()) crowds_.erase(at);  // drop_stale() finds out
}

// It is open no more: its places are for others.
void Scheduler::withdraw(Message& m, Time now) {
  for (Group& g : m.groups) {
    if (!g.blocked && !g.promised) continue;
    Crowd& crowd = crowds_.at(g.to);
    if (std::exchange(g.blocked, false)) std::erase(crowd.queue(m.kind).blocked, m.id);
    if (std::exchange(g.promised, false)) --crowd.promised;
    settle(g.channel, g.to, now);
  }
}

// What was parked with a destination has been read, or cannot be.
void Scheduler::came_back(Message& m, Time now) {
  if (m.parked_with == 0) return;
  const auto at = crowds_.find(std::exchange(m.parked_with, 0));
  if (at == crowds_.end()) return;
  --at->second.opening;
  settle(at->second.channel, at->first, now);
}

// Whether all it waits for are channels and destinations that have more before it than they can do
// at once.
bool Scheduler::can_be_parked(const Message& m) const {
  if (m.list || m.of(Status::todo) == 0 || m.of(Status::running) + m.of(Status::failed) > 0 ||
      m.doing != Doing::nothing || stopping_ || m.damaged) {
    return false;
  }
  const Unsettled& rest = m.unsettled();
  if (!rest.intents.empty() || rest.unfinished.events || rest.trouble_until != 0) return false;
  const bool lanes_full = std::ranges::all_of(kEveryChannel, [&](Channel c) {
    if (!m.of(c).has_turns()) return true;
    const auto& ready = of(c).ready[m.kind];
    if (ready.size() < slots(c)) return false;
    const auto soon = ready.begin() + slots(c);
    return !m.of(c).ready || std::find(ready.begin(), soon, m.id) == soon;
  });
  return lanes_full &&
         std::ranges::all_of(m.groups, [&](const Group& g) { return waits_long(m, g); });
}

bool Scheduler::waits_long(const Message& m, const Group& g) const {
  ++steps_;
  if (!g.blocked) return true;
  const Crowd& crowd = crowds_.at(g.to);
  const auto& blocked = (*crowd.of)[m.kind].blocked;
  const std::size_t soon = std::min<std::size_t>(places(crowd.channel), blocked.size());
  const auto end = blocked.begin() + static_cast<std::ptrdiff_t>(soon);
  return std::find(blocked.begin(), end, m.id) == end;
}

void Scheduler::park(Message& m, Time now) {
  if (!m.unsettled().unrecorded.empty()) {
    return write(m, Doing::parking, m.take_unrecorded(), Write::Then::stay);
  }
  // What was tried already is not to be tried again at once.
  const bool forced = m.forced && m.of(Status::deferred) == 0;
  const ParkedSet::Message parked{m.id, forced, m.asked};
  const Class kind = m.kind;
  std::optional<Channel> full;
  for (const Channel c : kEveryChannel) {
    if (m.of(c).has_turns()) full = c;
  }
  const auto blocked = std::ranges::find_if(m.groups, &Group::blocked);
  const Destination to = full || blocked == m.groups.end() ? 0 : blocked->to;
  forget(m, now);
  fruitless(kind, now);
  if (to != 0) {
    const auto crowd = crowds_.find(to);
    if (crowd != crowds_.end()) {
      parked_.push(crowd->second.queue(kind).parked, parked);
      return settle(crowd->second.channel, to, now);
    }
  }
  const Channel c = full.value_or(Channel::local);
  Lane& lane = of(c);
  parked_.push(lane.parked[kind], parked);
  if (++lane.parked_in_a_row < kParkedInARow) return;
  lane.parked_in_a_row = 0;
  lane.rest_until = now + kRest[static_cast<std::size_t>(c)];
}

}  // namespace porpoise::send
