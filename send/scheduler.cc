#include "send/scheduler.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "send/log_text.h"

namespace porpoise::send {

using queue::Event;
using queue::Id;
using queue::Kind;

namespace {

constexpr Time kSlightlyWrong = 3600 * kSecond;  // a clock

}  // namespace

// ---- events

void Scheduler::arrived(const Id& id, Time now) {
  if (!knows(id)) fresh_.insert(id, 0);
  pump(now);
}

void Scheduler::found(const Id& id, Time next, Time now) {
  // No clock that was right has given a time as far ahead as that. Pulled in again at each start,
  // it would never come where starts are frequent.
  const bool due = next == 0 || seconds(next) > latest_next(now + kSlightlyWrong);
  const std::uint32_t next_s = due ? kDue : std::min(seconds(next), latest_next(now));
  if (!knows(id)) waiting_.insert(id, next_s);
  pump(now);
}

void Scheduler::loaded(const Id& id, const Loaded& l, Time now) {
  Message* m = read(id);
  if (m == nullptr) return;
  if (l.held) {
    m->next_s = latest_next(now);  // looked at again then; nothing is tried
    wait_again(*m, now);
  } else if (!must_wait_for_another(*m, l, now)) {
    begin_attempt(*m, l, now);
    came_back(*m, now);
    if (!can_be_parked(*m)) make_ready(*m, now);
    advance(*m, now);
  }
  pump(now);
}

void Scheduler::load_failed(const Id& id, Outcome outcome, Time now) {
  Message* m = read(id);
  if (m == nullptr) return;
  if (outcome == Outcome::damaged) {
    m->doing = Doing::setting_aside;
    do_this(SetAside{id});
  } else {
    if (outcome == Outcome::trouble) waiting_.insert(id, seconds(now + kTroubleDelay));
    forget(*m, now);
  }
  pump(now);
}

// The message that was read; nullptr where that is nobody's business any more.
Scheduler::Message* Scheduler::read(const Id& id) {
  Message* m = find(id);
  if (m == nullptr || m->doing != Doing::loading) return nullptr;
  if (!std::exchange(m->slow, false)) --loading_[m->kind];
  m->doing = Doing::nothing;
  bench(*m, false);
  // Whoever asked for it meanwhile is served by this attempt.
  if (std::exchange(m->again, false)) m->forced = m->asked = true;
  return m;
}

void Scheduler::damaged(const Id& id, Time now) {
  Message* m = find(id);
  if (m == nullptr || m->doing == Doing::loading) return;
  m->damaged = true;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].used || slots_[i].id != id) continue;
    set_status(*m, slots_[i].recipient, Status::later);
    free_slot(i, now);
  }
  advance(*m, now);
  pump(now);
}

void Scheduler::noted(std::uint32_t slot, const std::string& note, Time now) {
  if (slot >= slots_.size() || !slots_[slot].used || note.empty()) return;
  Slot& s = slots_[slot];
  const std::size_t hash = std::hash<std::string>{}(note);
  if (s.note == hash) return;
  s.note = hash;
  Message& m = *find(s.id);
  for (Event& e : m.unsettle().unrecorded) {  // only the last note of a delivery matters
    if (e.kind == Kind::progress && e.recipients.front() == s.recipient) {
      e.text = note;
      return;
    }
  }
  add_event(m, Kind::progress, s.recipient, note, now);
}

void Scheduler::reported(std::uint32_t slot, char letter, const std::string& text,
                         const std::string& note, Time now, const Ruling& ruling) {
  if (slot >= slots_.size() || !slots_[slot].used) {
    return say(fmt::format("warning: a report about slot {}, which is not in use", slot));
  }
  if (letter != 'K') noted(slot, note, now);
  const Slot s = slots_[slot];
  free_slot(slot, now);
  Message& m = *find(s.id);
  say_ended(s, letter, text, now);
  say_status();
  const Destination to = m.recipients[s.recipient].to;
  if (letter == 'K') {
    tell(m, s.recipient, 'K', text);
    set_status(m, s.recipient, Status::done);
    add_event(m, Kind::delivered, s.recipient, text, now);
    it_takes_mail(to, now);
  } else if (letter == 'D') {
    tell(m, s.recipient, 'D', text);
    fail(m, s.recipient, text, now);
  } else {
    defer(m, s.recipient, text, ruling, now);
    tell(m, s.recipient, m.recipients[s.recipient].status == Status::failed ? 'D' : 'Z', text);
  }
  advance(m, now);
  pump(now);
}

// What waits for it is due, soon, if it has not taken any for a while.
void Scheduler::it_takes_mail(Destination to, Time now) {
  const Destinations::State* state = destinations_.find(to);
  if (state == nullptr) return;
  const Time since = state->first_failure;
  say_destination(state->name, "well", since, state->text);
  (void)destinations_.succeeded(to);
  if (now - since < kSettledFailure) return;
  recovered_.insert(tag_of(to));
  if (release_at_ == 0) release_at_ = std::max(now, released_ + kReleaseEvery);
}

void Scheduler::spawner_up(Time now) {
  spawner_ = true;
  pump(now);
}

void Scheduler::spawner_lost(Time now) {
  spawner_ = false;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].used) continue;
    reported(slot, 'Z', "the spawner ended while this delivery ran (#4.3.0)", "", now,
             {.tried = false});
  }
}

void Scheduler::written(const Id& id, Outcome outcome, Time now) {
  Message* m = find(id);
  if (m == nullptr) return;
  const Doing doing = std::exchange(m->doing, Doing::nothing);
  if (doing == Doing::setting_aside) {
    forget(*m, now);
  } else if (outcome == Outcome::ok) {
    m->unsettle().unfinished = {};
    finished(*m, doing, now);
  } else if (outcome == Outcome::trouble) {
    trouble(*m, now);
  } else if (outcome == Outcome::damaged) {
    m->doing = Doing::setting_aside;
    do_this(SetAside{id});
  } else {
    say(fmt::format("warning: msg {} is not in the queue any more", id.text()));
    m->unsettle().unfinished = {};
    forget(*m, now);
  }
  pump(now);
}

void Scheduler::notice_done(const Id& about, bool queued, Time now) {
  Message* m = find(about);
  if (m == nullptr || m->doing != Doing::queueing) return;
  --notices_;
  m->doing = Doing::nothing;
  if (queued) {
    Event event;
    event.kind = Kind::noticed;
    event.wall_us = now;
    event.notice = m->unsettled().intents.front();
    write(*m, Doing::noticing, {std::move(event)}, Write::Then::stay);
  } else {
    m->unsettle().notice_failed = true;
    advance(*m, now);
  }
  advance_all(now);  // others may have waited for their turn
  pump(now);
}

void Scheduler::tick(Time now) {
  advance_all(now);
  pump(now);
}

void Scheduler::retry_all(Time now) {
  destinations_.try_all();
  waiting_.set_all(kDueForAll);
  for (auto& [id, m] : open_) m.again = true;
  pump(now);
}

bool Scheduler::retry(const Id& id, Time now) {
  if (Message* m = find(id); m != nullptr) {
    m->again = true;
    return true;
  }
  const bool known = waiting_.set(id, kAskedFor) || knows(id);
  pump(now);
  return known;
}

void Scheduler::ask_for(const Id& id, Time now) {
  if (retry(id, now)) return;
  waiting_.insert(id, kAskedFor);
  pump(now);
}

void Scheduler::stop(Time now) {
  stopping_ = true;
  advance_all(now);
}

void Scheduler::limit(const Limits& limits, Time now) {
  std::array<bool, kChannels> held_before{};
  for (const Channel c : kEveryChannel) held_before[static_cast<std::size_t>(c)] = held(c);
  limits_ = limits;
  for (auto& [id, m] : open_) {
    if (m.doing != Doing::loading) hold(m, now);
  }
  std::vector<std::pair<Channel, Destination>> crowds;
  crowds.reserve(crowds_.size());
  for (const auto& [to, crowd] : crowds_) crowds.emplace_back(crowd.channel, to);
  for (const auto& [c, to] : crowds) settle(c, to, now);
  say_status();
  for (const Channel c : kEveryChannel) {
    if (!held_before[static_cast<std::size_t>(c)] || held(c)) continue;
    const auto ids = waiting_.tagged({kHeldTag}, kDue, waiting_.size());
    for (const Id& id : ids) waiting_.set(id, kDue);
  }
  tick(now);
}

void Scheduler::clock_stepped(Time by, Time now) {
  const auto shift = [by](Time& t) {
    if (t != 0) t += by;
  };
  for (auto& [id, m] : open_) {
    if (m.rest) {
      for (Time* t : {&m.rest->record_due, &m.rest->notice_due, &m.rest->trouble_until}) shift(*t);
    }
    if (m.doing == Doing::loading) shift(m.began);
    m.next_s = moved(m.next_s, by, now);
    for (Recipient& r : m.recipients) r.next_s = moved(r.next_s, by, now);
  }
  for (Slot& s : slots_) shift(s.started);
  for (Lane& lane : lanes_) shift(lane.rest_until);
  for (Time& t : rest_until_) shift(t);
  shift(release_at_);
  shift(released_);
  destinations_.clock_stepped(by);
  waiting_.change_all([&](std::uint32_t next_s) { return moved(next_s, by, now); });
  tick(now);
}

// ---- answers

std::optional<Time> Scheduler::wake() const {
  std::optional<Time> earliest;
  const auto at = [&earliest](Time t) {
    if (t != 0 && (!earliest || t < *earliest)) earliest = t;
  };
  steps_ += open_.size();
  for (const auto& [id, m] : open_) {
    if (m.doing == Doing::loading && !m.slow) at(m.began + kSlowReading);
    if (m.doing != Doing::nothing) continue;
    const Unsettled& rest = m.unsettled();
    if (rest.trouble_until != 0) {
      at(rest.trouble_until);
      continue;
    }
    if (!rest.unrecorded.empty()) at(rest.record_due);
    if (m.of(Status::failed) > 0) at(rest.notice_due);
  }
  // What is due already waits for room, not for a time.
  if (!stopping_ && !waiting_.empty()) {
    const Time due = Time{waiting_.first()->next_s} * kSecond;
    if (due > pumped_) at(due);
  }
  for (const Lane& lane : lanes_) {
    if (!stopping_ && lane.rest_until > pumped_) at(lane.rest_until);
  }
  for (const Time t : rest_until_) {
    if (!stopping_ && t > pumped_) at(t);
  }
  if (!stopping_) at(release_at_);
  return earliest;
}

bool Scheduler::idle(Time now) const {
  for (const auto& [id, m] : open_) {
    if (m.doing != Doing::nothing || m.of(Status::running) > 0 ||
        m.unsettled().trouble_until <= now) {
      return false;
    }
  }
  if (held(Channel::local) && held(Channel::remote)) return true;
  if (!parked_.empty() || release_at_ != 0) return false;
  return fresh_.empty() && (waiting_.empty() || Time{waiting_.first()->next_s} * kSecond > now);
}

std::optional<Start> Scheduler::delivery(std::uint32_t slot) const {
  if (slot >= slots_.size() || !slots_[slot].used) return std::nullopt;
  const Slot& s = slots_[slot];
  const Recipient& r = open_.at(s.id).recipients[s.recipient];
  return Start{slot, s.number, s.id, s.recipient, s.channel, r.attempts + 1};
}

bool Scheduler::runs(const Start& delivery) const {
  const Slot& slot = slots_[delivery.slot];
  return slot.used && slot.number == delivery.number;
}

bool Scheduler::reads(const Id& id) const {
  const auto at = open_.find(id);
  return at != open_.end() && at->second.doing == Doing::loading;
}

bool Scheduler::knows(const Id& id) const {
  return open_.contains(id) || fresh_.contains(id) || waiting_.contains(id) || parked_.contains(id);
}

std::size_t Scheduler::waiting() const {
  return fresh_.size() + waiting_.size() + parked_.size();
}

std::size_t Scheduler::octets_of_waiting() const {
  return fresh_.octets() + waiting_.octets() + parked_.octets();
}

std::uint64_t Scheduler::steps() const {
  return steps_ + fresh_.steps() + waiting_.steps() + parked_.steps();
}

std::optional<std::uint32_t> Scheduler::next_due_s() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.first()->next_s;
}

void Scheduler::do_this(Action action) {
  actions_.push_back(std::move(action));
}

}  // namespace porpoise::send
