// Which message is opened next, and which delivery is started next.

#include <algorithm>

#include "send/scheduler.h"

namespace porpoise::send {

using queue::Id;

void Scheduler::pump(Time now) {
  pumped_ = now;
  if (stopping_) return;
  release(now);
  start_deliveries(now);
  open_more(now);
}

// ---- opening

void Scheduler::open_more(Time now) {
  while (const auto source = next_to_open(now)) {
    const Class kind = source->kind;
    const ParkedSet::Message from = take_from(*source);
    Message& m = open_[from.id];
    m.id = from.id;
    m.kind = kind;
    m.began = now;
    m.forced = from.forced;
    m.asked = from.asked;
    m.parked_with = source->to;
    ++open_count_[kind];
    ++loading_[kind];
    do_this(Load{from.id, kind == first_attempt && !source->parked()});
  }
}

ParkedSet::Message Scheduler::take_from(const Source& source) {
  const Class kind = source.kind;
  if (source.lane) return parked_.pop(of(*source.lane).parked[kind]);
  if (source.to != 0) {
    Crowd& crowd = crowds_.at(source.to);
    Fifo<Destination>& returning = of(crowd.channel).returning[kind];
    (void)returning.pop();  // this one
    ++crowd.opening;
    Crowd::Queue& queue = crowd.queue(kind);
    const ParkedSet::Message message = parked_.pop(queue.parked);
    queue.returning = wants_back(crowd, kind);
    if (queue.returning) returning.push(source.to);  // behind the others
    return message;
  }
  const WaitingSet::Entry entry = (kind == first_attempt ? fresh_ : waiting_).pop();
  const bool another_one = kind == another;
  return {entry.id, another_one && entry.next_s <= kDueForAll,
          another_one && entry.next_s == kAskedFor};
}

std::optional<Scheduler::Source> Scheduler::next_to_open(Time now) {
  const auto fresh = source_of(first_attempt, now);
  const auto due = source_of(another, now);
  if (fresh && due) return open_count_[first_attempt] <= open_count_[another] ? fresh : due;
  return fresh ? fresh : due;
}

// Reads no further ahead than keeps every slot busy.
std::optional<Scheduler::Source> Scheduler::source_of(Class kind, Time now) {
  if (open_count_[kind] >= limits_.open_per_class) return std::nullopt;
  bool look = false;
  for (const Channel c : kEveryChannel) {
    if (!has_room(c, kind)) continue;
    Lane& lane = of(c);
    drop_stale(c, kind);
    const bool parked = !lane.parked[kind].empty();
    const bool returning = !lane.returning[kind].empty();
    if (parked || returning) {
      const bool parked_now = parked && (!returning || lane.parked_turn[kind]);
      lane.parked_turn[kind] = !parked_now;
      if (parked_now) return Source{kind, c, 0};
      return Source{kind, std::nullopt, lane.returning[kind].front()};
    }
    look = look || may_look_for(c, kind, now);
  }
  if (!look || rest_until_[kind] > now) return std::nullopt;
  const bool any = kind == first_attempt
                       ? !fresh_.empty()
                       : !waiting_.empty() && Time{waiting_.first()->next_s} * kSecond <= now;
  return any ? std::optional(Source{kind, std::nullopt, 0}) : std::nullopt;
}

// A destination that has had room may have none any more.
void Scheduler::drop_stale(Channel c, Class kind) {
  Fifo<Destination>& returning = of(c).returning[kind];
  while (!returning.empty()) {
    const auto at = crowds_.find(returning.front());
    if (at != crowds_.end() && wants_back(at->second, kind)) return;
    if (at != crowds_.end()) at->second.queue(kind).returning = false;
    (void)returning.pop();
  }
}

// Where a message goes is known once it is read. Most are local; for a channel that only some are
// for, while the other has enough, one at a time is read, and after a number of wrong ones none for
// a moment.
bool Scheduler::may_look_for(Channel c, Class kind, Time now) const {
  const Channel other = c == Channel::local ? Channel::remote : Channel::local;
  if (of(other).rest_until > now) return false;
  return c == Channel::local || held(Channel::local) || loading_[kind] == 0;
}

bool Scheduler::has_room(Channel c, Class kind) const {
  return of(c).ready[kind].size() + loading_[kind] < slots(c);
}

// What has just been read has to wait: after a number of those it is enough for a moment.
void Scheduler::fruitless(Class kind, Time now) {
  if (++fruitless_[kind] < kParkedInARow) return;
  fruitless_[kind] = 0;
  rest_until_[kind] = now + kFruitlessRest;
}

// What waits for a destination that takes mail again is due: some at a time, so that they do not
// come all at once, and one look at all that waits for each time.
void Scheduler::release(Time now) {
  if (release_at_ == 0 || release_at_ > now) return;
  const std::vector<Id> ids = waiting_.tagged(recovered_, kDueForAll, kReleasedAtOnce);
  for (const Id& id : ids) waiting_.set(id, kDueForAll);
  released_ = now;
  release_at_ = now + kReleaseEvery;
  if (ids.size() == kReleasedAtOnce) return;
  recovered_.clear();
  release_at_ = 0;
}

// ---- starting

void Scheduler::start_deliveries(Time now) {
  for (const Channel c : kEveryChannel) start_deliveries(c, now);
}

void Scheduler::start_deliveries(Channel c, Time now) {
  while (spawner_ && running(c) < slots(c)) {
    const auto kind = class_to_start(c);
    if (!kind) return;
    Message& m = *find(of(c).ready[*kind].front());
    of(c).ready[*kind].pop_front();
    m.of(c).ready = false;
    if (m.unsettled().trouble_until > now || m.damaged) continue;
    start_next(m, c, now);
    make_ready(m, c, now);  // behind the others: a long list takes turns
    if (can_be_parked(m)) advance(m, now);
  }
}

std::optional<Scheduler::Class> Scheduler::class_to_start(Channel c) const {
  const Lane& lane = of(c);
  const bool fresh = !lane.ready[first_attempt].empty();
  const bool due = !lane.ready[another].empty();
  if (fresh && due) {
    return lane.running[first_attempt] <= lane.running[another] ? first_attempt : another;
  }
  if (fresh) return first_attempt;
  if (due) return another;
  return std::nullopt;
}

// Its next destination has a turn, and is behind its others then.
void Scheduler::start_next(Message& m, Channel c, Time now) {
  if (!m.of(c).has_turns()) return;
  const std::uint32_t which = m.take_turn(c);
  Group& g = m.groups[which];
  while (g.next != kNone && m.recipients[g.next].status != Status::todo) {
    g.next = m.recipients[g.next].after;
  }
  if (std::exchange(g.promised, false)) --crowds_.at(g.to).promised;
  if (g.next == kNone) return settle(c, g.to, now);
  if (g.to != 0) {
    Crowd& crowd = crowds_[g.to];
    crowd.channel = c;
    if (!has_place(crowd)) return block(m, g, crowd);
  }
  start_one(m, std::exchange(g.next, m.recipients[g.next].after), now);
  if (g.next != kNone) m.add_turn(which);
}

void Scheduler::start_one(Message& m, std::uint32_t recipient, Time now) {
  Recipient& r = m.recipients[recipient];
  set_status(m, recipient, Status::running);
  const std::uint32_t slot = take_slot();
  slots_[slot] = {true, m.kind, r.channel, ++deliveries_, now, m.id, recipient, 0};
  ++of(r.channel).running[m.kind];
  if (r.crowd != 0) ++crowds_.at(r.crowd).running[m.kind];
  do_this(Start{slot, deliveries_, m.id, recipient, r.channel, r.attempts + 1});
  say_status();
}

std::uint32_t Scheduler::take_slot() {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void Scheduler::free_slot(std::uint32_t slot, Time now) {
  const Slot s = std::exchange(slots_[slot], {});
  free_slots_.push_back(slot);
  --of(s.channel).running[s.kind];
  const Destination crowd = find(s.id)->recipients[s.recipient].crowd;
  if (crowd == 0) return;
  --crowds_.at(crowd).running[s.kind];
  settle(s.channel, crowd, now);
}

void Scheduler::make_ready(Message& m, Time now) {
  for (const Channel c : kEveryChannel) make_ready(m, c, now);
}

void Scheduler::make_ready(Message& m, Channel c, Time now) {
  Share& share = m.of(c);
  if (share.ready || m.damaged || !share.has_turns()) return;
  if (m.unsettled().trouble_until > now) return;
  of(c).ready[m.kind].push_back(m.id);
  share.ready = true;
}

}  // namespace porpoise::send
