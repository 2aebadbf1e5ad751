// What one open message does next: its records, notices, and its end.

#include <algorithm>
#include <fmt/format.h>

#include "send/scheduler.h"

namespace porpoise::send {

using queue::Event;
using queue::Id;
using queue::Kind;

namespace {

constexpr std::size_t kMostBenched = 10'000;

}  // namespace

bool Scheduler::Message::anything_left() const {
  return of(Status::todo) + of(Status::later) + of(Status::running) + of(Status::deferred) +
                 of(Status::failed) >
             0 ||
         !unsettled().intents.empty();
}

const Scheduler::Unsettled& Scheduler::Message::unsettled() const {
  static const Unsettled kNothing;
  return rest ? *rest : kNothing;
}

Scheduler::Unsettled& Scheduler::Message::unsettle() {
  if (!rest) rest = std::make_unique<Unsettled>();
  return *rest;
}

std::vector<Event> Scheduler::Message::take_unrecorded() {
  return rest ? std::exchange(rest->unrecorded, {}) : std::vector<Event>();
}

Scheduler::Message* Scheduler::find(const Id& id) {
  const auto at = open_.find(id);
  return at == open_.end() ? nullptr : &at->second;
}

// A notice is tried only after the message it is about has recorded that it is queued: otherwise a
// crash would queue it once more. Then that message comes first, and brings the notice.
bool Scheduler::must_wait_for_another(Message& m, const Loaded& l, Time now) {
  if (stopping_) {
    wait_again(m, now);
    return true;
  }
  if (!l.notice_about) return false;
  const Message* about = find(*l.notice_about);
  const auto pending = [&](const Unsettled& rest) {
    return std::ranges::find(rest.intents, m.id) != rest.intents.end() ||
           (about->doing == Doing::intending && rest.intent == m.id);
  };
  if (l.confirmed && (about == nullptr || !pending(about->unsettled()))) return false;
  if (about == nullptr) {
    waiting_.erase(*l.notice_about);
    if (!knows(*l.notice_about)) fresh_.insert(*l.notice_about, 0);
  }
  m.next_s = seconds(now + kTroubleDelay);
  wait_again(m, now);
  return true;
}

void Scheduler::advance_all(Time now) {
  std::vector<Id> ids;
  steps_ += open_.size();
  ids.reserve(open_.size());
  for (const auto& [id, m] : open_) ids.push_back(id);
  for (const Id& id : ids) {
    Message* m = find(id);
    if (m == nullptr) continue;
    if (m->doing == Doing::loading) {
      reading_lasts(*m, now);
      continue;
    }
    make_ready(*m, now);
    advance(*m, now);
  }
}

// What is slow to be read takes no place from others. At the end nobody waits for it.
void Scheduler::reading_lasts(Message& m, Time now) {
  if (!m.slow && m.began + kSlowReading <= now) {
    m.slow = true;
    --loading_[m.kind];
    bench(m, true);
  }
  if (!stopping_) return;
  (void)read(m.id);
  forget(m, now);
}

void Scheduler::advance(Message& m, Time now) {
  if (m.doing != Doing::nothing) return;
  if (m.damaged) {
    m.doing = Doing::setting_aside;
    return do_this(SetAside{m.id});
  }
  const Unsettled& rest = m.unsettled();
  if (rest.trouble_until > now) {
    if (stopping_ && m.of(Status::running) == 0) wait_again(m, now);
    return;
  }
  if (rest.trouble_until != 0) m.unsettle().trouble_until = 0;
  bench(m, false);
  if (rest.unfinished.events) return write_again(m);
  const bool to_notify = !rest.intents.empty() && !rest.notice_failed && !stopping_;
  if (to_notify && notices_ < limits_.notices) return queue_notice(m);
  const bool over = m.of(Status::running) == 0 && (m.of(Status::todo) == 0 || stopping_);
  if (over) say_unwanted(m);
  if (m.of(Status::failed) > 0 && !stopping_ && (over || rest.notice_due <= now)) {
    return intend_notice(m, now);
  }
  if (over && !m.anything_left()) return write(m, Doing::removing, {}, Write::Then::remove);
  if (over && !to_notify) return keep(m, now);
  if (can_be_parked(m)) return park(m, now);
  if (!rest.unrecorded.empty() && rest.record_due <= now) {
    write(m, Doing::recording, m.take_unrecorded(), Write::Then::stay);
  }
}

void Scheduler::intend_notice(Message& m, Time now) {
  Event intent;
  intent.kind = Kind::intent;
  intent.wall_us = now;
  steps_ += m.recipients.size();
  for (std::uint32_t i = 0; i < m.recipients.size(); ++i) {
    if (m.recipients[i].status != Status::failed) continue;
    set_status(m, i, Status::reported);
    intent.recipients.push_back(i);
  }
  if (!m.reports) {
    say(LogEntry{.event = "discard",
                 .story = fmt::format("triple bounce: discarding {}", m.id.text()),
                 .told = {{"id", m.id.text()}}});
    return advance(m, now);
  }
  m.unsettle().intent = Id::make(now, random_());
  intent.notice = m.unsettled().intent;
  std::vector<Event> events = m.take_unrecorded();
  events.push_back(std::move(intent));
  write(m, Doing::intending, std::move(events), Write::Then::stay);
}

void Scheduler::queue_notice(Message& m) {
  ++notices_;
  m.doing = Doing::queueing;
  do_this(QueueNotice{m.id, m.unsettled().intents.front()});
}

// Nothing more to do in this attempt: what must wait is recorded, and moved where it waits. What
// was not tried because we end is to be tried at once.
void Scheduler::keep(Message& m, Time now) {
  std::vector<Event> events = m.take_unrecorded();
  constexpr std::uint32_t kNever = 0xffffffff;
  std::uint32_t next = kNever;
  bool for_channel = false;
  steps_ += m.recipients.size();
  for (const Recipient& r : m.recipients) {
    const bool later = r.status == Status::later;
    const bool on_hold = later && held(r.channel);
    for_channel = for_channel || on_hold;
    if (on_hold || (!later && r.status != Status::deferred) || r.next_s >= next) continue;
    next = r.next_s;
    m.tag = tag_of(r.to);
  }
  const bool on_hold = for_channel && next == kNever;  // all that is left is
  if (m.of(Status::todo) > 0) {
    // Its time stays what it was.
  } else if (m.of(Status::deferred) > 0) {
    // A little chance, so that what came together does not come back together.
    const Time wait = std::max<Time>(Time{next} * kSecond - now, 0) / kSecond;
    next += static_cast<std::uint32_t>(random_() % static_cast<std::uint64_t>(wait / 16 + 1));
    m.next_s = std::min(next, latest_next(now));
    Event event;
    event.kind = Kind::next;
    event.wall_us = now;
    event.next_us = Time{m.next_s} * kSecond;
    event.attempts = m.attempts + 1;
    events.push_back(std::move(event));
    say_waits(m);
  } else if (on_hold) {
    m.next_s = latest_next(now);
    m.tag = kHeldTag;
  } else if (m.of(Status::later) > 0) {
    m.next_s = next;
  }
  const bool move = m.place == queue::Place::incoming && m.next_s != 0 && !on_hold;
  if (events.empty() && !move) return wait_again(m, now);
  write(m, Doing::keeping, std::move(events), move ? Write::Then::defer : Write::Then::stay);
}

void Scheduler::write(Message& m, Doing doing, std::vector<Event> events, Write::Then then) {
  m.unsettle().unfinished = {std::make_shared<const std::vector<Event>>(std::move(events)), then,
                             doing};
  write_again(m);
}

void Scheduler::write_again(Message& m) {
  const Unfinished& what = m.unsettled().unfinished;
  m.doing = what.doing;
  do_this(Write{m.id, m.place, what.events, what.then});
}

// What is known stays here and is written again, from a file opened anew; nothing that depends on
// it happens before.
void Scheduler::trouble(Message& m, Time now) {
  m.unsettle().trouble_until = now + kTroubleDelay;
  bench(m, true);
  advance(m, now);
}

// What waits for a disk takes no room from what does not, but for a bound.
void Scheduler::bench(Message& m, bool on) {
  if (m.benched == on || (on && benched_ >= kMostBenched)) return;
  m.benched = on;
  benched_ += on ? 1U : ~std::size_t{0};
  open_count_[m.kind] += on ? ~std::size_t{0} : 1U;
}

void Scheduler::finished(Message& m, Doing doing, Time now) {
  if (doing == Doing::removing) {
    say(LogEntry{.event = "end",
                 .story = fmt::format("end msg {}", m.id.text()),
                 .told = {{"id", m.id.text()}},
                 .facts = {{"ms", (now - m.arrival) / 1000}}});
    return forget(m, now);
  }
  if (doing == Doing::keeping) return wait_again(m, now);
  if (doing == Doing::intending) m.unsettle().intents.push_back(m.unsettled().intent);
  if (doing == Doing::noticing) confirm_notice(m);
  advance(m, now);
}

void Scheduler::confirm_notice(Message& m) {
  std::vector<Id>& intents = m.unsettle().intents;
  const Id notice = intents.front();
  intents.erase(intents.begin());
  say(LogEntry{.event = "bounce",
               .story = fmt::format("bounce msg {} qp {}", m.id.text(), notice.text()),
               .told = {{"id", m.id.text()}, {"notice", notice.text()}}});
  waiting_.erase(notice);
  if (!open_.contains(notice)) fresh_.insert(notice, 0);
}

void Scheduler::wait_again(Message& m, Time now) {
  std::uint32_t next = m.again ? kAskedFor : m.next_s;
  if (m.unsettled().notice_failed && !m.again) {
    const std::uint32_t soon = seconds(now + kTroubleDelay);
    next = next <= seconds(now) ? soon : std::min(next, soon);
  }
  const Id id = m.id;
  const std::uint32_t tag = m.tag;
  forget(m, now);
  waiting_.insert(id, next, tag);
}

void Scheduler::forget(Message& m, Time now) {
  for (const Channel c : kEveryChannel) {
    if (std::exchange(m.of(c).ready, false)) std::erase(of(c).ready[m.kind], m.id);
  }
  bench(m, false);
  lists_ -= m.list ? 1U : 0U;
  withdraw(m, now);
  came_back(m, now);
  const Id id = m.id;
  --open_count_[m.kind];
  open_.erase(id);
  do_this(Close{id});
}

}  // namespace porpoise::send
