#include "send/scheduler.h"

#include <algorithm>
#include <fmt/format.h>

#include "send/log_text.h"
#include "send/retry.h"

namespace porpoise::send {
namespace {

using queue::Event;
using queue::Id;
using queue::Kind;

std::uint32_t seconds(Time t) {
  return static_cast<std::uint32_t>(std::clamp<Time>((t + kSecond - 1) / kSecond, 0, 0xffffffff));
}

std::uint32_t latest_next(Time now) {
  return seconds(now + kLongestWaitSeconds * kSecond);
}

constexpr std::array<Channel, kChannels> kEvery = {Channel::local, Channel::remote};

constexpr const char* kGivenUp =
    "not tried again: the message has been in the queue too long (#4.4.7)";

std::string given_up(std::string text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + kGivenUp;
}

}  // namespace

// ---- events

void Scheduler::arrived(const Id& id, Time now) {
  if (!knows(id)) fresh_.insert(id, 0);
  pump(now);
}

void Scheduler::found(const Id& id, Time next, Time now) {
  if (!knows(id)) waiting_.insert(id, std::min(seconds(next), latest_next(now)));
  pump(now);
}

void Scheduler::loaded(const Id& id, const Loaded& l, Time now) {
  Message* m = find(id);
  if (m == nullptr || m->doing != Doing::loading) return;
  --loading_[m->kind];
  m->doing = Doing::nothing;
  if (l.held) {
    m->next_s = latest_next(now);  // looked at again then; nothing is tried
    wait_again(*m, now);
  } else if (!must_wait_for_another(*m, l, now)) {
    begin_attempt(*m, l, now);
    if (!can_be_parked(*m)) make_ready(*m, now);
    advance(*m, now);
  }
  pump(now);
}

void Scheduler::load_failed(const Id& id, Outcome outcome, Time now) {
  Message* m = find(id);
  if (m == nullptr || m->doing != Doing::loading) return;
  --loading_[m->kind];
  if (outcome == Outcome::damaged) {
    m->doing = Doing::setting_aside;
    do_this(SetAside{id});
  } else {
    if (outcome == Outcome::trouble) waiting_.insert(id, seconds(now + kTroubleDelay));
    forget(*m);
  }
  pump(now);
}

void Scheduler::damaged(const Id& id, Time now) {
  Message* m = find(id);
  if (m == nullptr || m->doing == Doing::loading) return;
  m->damaged = true;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (!slot.used || slot.id != id) continue;
    set_status(*m, slot.recipient, Status::later);
    --of(channel_of(i)).running[slot.kind];
    slot = {};
  }
  advance(*m, now);
  pump(now);
}

void Scheduler::noted(std::uint32_t slot, const std::string& note, Time now) {
  if (slot >= slots_.size() || !slots_[slot].used || note.empty()) return;
  Slot& s = slots_[slot];
  if (s.note == note) return;
  s.note = note;
  Message& m = *find(s.id);
  for (Event& e : m.unrecorded) {  // only the last note of a delivery matters
    if (e.kind == Kind::progress && e.recipients.front() == s.recipient) {
      e.text = note;
      return;
    }
  }
  add_event(m, Kind::progress, s.recipient, note, now);
}

void Scheduler::reported(std::uint32_t slot, char letter, std::string text, const std::string& note,
                         Time now) {
  if (slot >= slots_.size() || !slots_[slot].used) {
    return say(fmt::format("warning: a report about slot {}, which is not in use", slot));
  }
  if (letter != 'K') noted(slot, note, now);
  const Slot s = std::exchange(slots_[slot], {});
  --of(channel_of(slot)).running[s.kind];
  Message& m = *find(s.id);
  const char* how = letter == 'K' ? "success" : letter == 'D' ? "failure" : "deferral";
  say(fmt::format("delivery {}: {}: {}", s.number, how, log_safe(text)));
  say_status();
  tell(m, s.recipient, letter == 'Z' && m.last_attempt ? 'D' : letter, text);
  if (letter == 'K') {
    set_status(m, s.recipient, Status::done);
    add_event(m, Kind::delivered, s.recipient, std::move(text), now);
  } else if (letter == 'D') {
    fail(m, s.recipient, std::move(text), now);
  } else if (m.last_attempt) {
    fail(m, s.recipient, given_up(std::move(text)), now);
  } else {
    set_status(m, s.recipient, Status::deferred);
    add_event(m, Kind::deferred, s.recipient, std::move(text), now);
  }
  advance(m, now);
  pump(now);
}

void Scheduler::spawner_up(Time now) {
  spawner_ = true;
  pump(now);
}

void Scheduler::spawner_lost(Time now) {
  spawner_ = false;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (!slots_[slot].used) continue;
    reported(slot, 'Z', "the spawner ended while this delivery ran (#4.3.0)", "", now);
  }
}

void Scheduler::written(const Id& id, Outcome outcome, Time now) {
  Message* m = find(id);
  if (m == nullptr) return;
  const Doing doing = std::exchange(m->doing, Doing::nothing);
  if (doing == Doing::setting_aside) {
    forget(*m);
  } else if (outcome == Outcome::ok) {
    m->unfinished.reset();
    finished(*m, doing, now);
  } else if (outcome == Outcome::trouble) {
    trouble(*m, now);
  } else if (outcome == Outcome::damaged) {
    m->doing = Doing::setting_aside;
    do_this(SetAside{id});
  } else {
    say(fmt::format("warning: msg {} is not in the queue any more", id.text()));
    m->unfinished.reset();
    forget(*m);
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
    event.notice = m->intents.front();
    write(*m, Doing::noticing, {std::move(event)}, Write::Then::stay);
  } else {
    m->notice_failed = true;
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
  waiting_.set_all(0);
  for (auto& [id, m] : open_) m.again = true;
  pump(now);
}

bool Scheduler::retry(const Id& id, Time now) {
  if (Message* m = find(id); m != nullptr) {
    m->again = true;
    return true;
  }
  const bool known = waiting_.set(id, 0) || knows(id);
  pump(now);
  return known;
}

void Scheduler::stop(Time now) {
  stopping_ = true;
  advance_all(now);
}

void Scheduler::clock_stepped(Time by, Time now) {
  for (auto& [id, m] : open_) {
    for (Time* t : {&m.record_due, &m.notice_due, &m.trouble_until}) {
      if (*t != 0) *t += by;
    }
  }
  waiting_.pull_in(latest_next(now));
  tick(now);
}

// ---- answers

std::optional<Time> Scheduler::wake() const {
  std::optional<Time> earliest;
  const auto at = [&earliest](Time t) {
    if (t != 0 && (!earliest || t < *earliest)) earliest = t;
  };
  for (const auto& [id, m] : open_) {
    if (m.doing != Doing::nothing) continue;
    if (m.trouble_until != 0) {
      at(m.trouble_until);
      continue;
    }
    if (!m.unrecorded.empty()) at(m.record_due);
    if (m.of(Status::failed) > 0) at(m.notice_due);
  }
  // What is due already waits for room, not for a time.
  if (!stopping_ && !waiting_.empty()) {
    const Time due = Time{waiting_.first()->next_s} * kSecond;
    if (due > pumped_) at(due);
  }
  for (const Lane& lane : lanes_) {
    if (!stopping_ && lane.rest_until > pumped_) at(lane.rest_until);
  }
  return earliest;
}

bool Scheduler::idle(Time now) const {
  for (const auto& [id, m] : open_) {
    if (m.doing != Doing::nothing || m.of(Status::running) > 0 || m.trouble_until <= now) {
      return false;
    }
  }
  if (slots_.empty()) return true;
  for (const Lane& lane : lanes_) {
    if (!lane.parked[0].empty() || !lane.parked[1].empty()) return false;
  }
  return fresh_.empty() && (waiting_.empty() || Time{waiting_.first()->next_s} * kSecond > now);
}

bool Scheduler::runs(const Start& delivery) const {
  const Slot& slot = slots_[delivery.slot];
  return slot.used && slot.number == delivery.number;
}

bool Scheduler::knows(const Id& id) const {
  return open_.contains(id) || fresh_.contains(id) || waiting_.contains(id) ||
         std::ranges::any_of(lanes_, [&id](const Lane& lane) {
           return lane.parked[0].contains(id) || lane.parked[1].contains(id);
         });
}

std::size_t Scheduler::waiting() const {
  std::size_t count = fresh_.size() + waiting_.size();
  for (const Lane& lane : lanes_) count += lane.parked[0].size() + lane.parked[1].size();
  return count;
}

std::optional<std::uint32_t> Scheduler::next_due_s() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.first()->next_s;
}

// ---- opening messages and starting deliveries

void Scheduler::pump(Time now) {
  pumped_ = now;
  if (stopping_) return;
  start_deliveries(now);
  open_more(now);
}

void Scheduler::open_more(Time now) {
  while (const auto source = next_to_open(now)) {
    const Class kind = source->kind;
    WaitingSet& from = source->parked          ? of(*source->parked).parked[kind]
                       : kind == first_attempt ? fresh_
                                               : waiting_;
    const WaitingSet::Entry entry = from.pop();
    Message& m = open_[entry.id];
    m.id = entry.id;
    m.kind = kind;
    m.forced = source->parked || (kind == another && entry.next_s == 0);
    ++open_count_[kind];
    ++loading_[kind];
    do_this(Load{entry.id, kind == first_attempt && !source->parked});
  }
}

std::optional<Scheduler::Source> Scheduler::next_to_open(Time now) const {
  const auto fresh = source_of(first_attempt, now);
  const auto due = source_of(another, now);
  if (fresh && due) return open_count_[first_attempt] <= open_count_[another] ? fresh : due;
  return fresh ? fresh : due;
}

// Reads no further ahead than keeps every slot busy.
std::optional<Scheduler::Source> Scheduler::source_of(Class kind, Time now) const {
  if (open_count_[kind] >= limits_.open_per_class) return std::nullopt;
  bool look = false;
  for (const Channel c : kEvery) {
    if (!has_room(c, kind)) continue;
    if (!of(c).parked[kind].empty()) return Source{kind, c};
    look = look || may_look_for(c, kind, now);
  }
  if (!look) return std::nullopt;
  const bool any = kind == first_attempt
                       ? !fresh_.empty()
                       : !waiting_.empty() && Time{waiting_.first()->next_s} * kSecond <= now;
  return any ? std::optional(Source{kind, std::nullopt}) : std::nullopt;
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

void Scheduler::start_deliveries(Time now) {
  for (const Channel c : kEvery) start_deliveries(c, now);
}

void Scheduler::start_deliveries(Channel c, Time now) {
  while (spawner_) {
    const auto slot = free_slot(c);
    const auto kind = slot ? class_to_start(c) : std::nullopt;
    if (!kind) return;
    Message& m = *find(of(c).ready[*kind].front());
    of(c).ready[*kind].pop_front();
    m.of(c).ready = false;
    if (m.trouble_until > now || m.damaged || m.of(c).todo == 0) continue;
    start_one(m, c, *slot);
    make_ready(m, c, now);  // behind the others: a long list takes turns
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

void Scheduler::start_one(Message& m, Channel c, std::uint32_t slot) {
  std::uint32_t& at = m.of(c).cursor;
  while (m.recipients[at] != Status::todo || m.channels[at] != c) ++at;
  set_status(m, at, Status::running);
  Slot& s = slots_[slot];
  s = {true, m.kind, ++deliveries_, m.id, at, ""};
  ++of(c).running[m.kind];
  do_this(Start{slot, s.number, m.id, at, c});
  say_status();
}

std::optional<std::uint32_t> Scheduler::free_slot(Channel c) const {
  const std::uint32_t first = c == Channel::local ? 0 : limits_.deliveries;
  for (std::uint32_t i = first; i < first + slots(c); ++i) {
    if (!slots_[i].used) return i;
  }
  return std::nullopt;
}

void Scheduler::make_ready(Message& m, Time now) {
  for (const Channel c : kEvery) make_ready(m, c, now);
}

void Scheduler::make_ready(Message& m, Channel c, Time now) {
  Share& share = m.of(c);
  if (share.ready || m.damaged || share.todo == 0 || m.trouble_until > now) return;
  of(c).ready[m.kind].push_back(m.id);
  share.ready = true;
}

// Whether all it waits for are channels that have more before it than they can do at once.
bool Scheduler::can_be_parked(const Message& m) const {
  if (m.of(Status::todo) == 0 || m.of(Status::running) + m.of(Status::failed) > 0 ||
      !m.intents.empty() || m.unfinished || stopping_) {
    return false;
  }
  return std::ranges::all_of(kEvery, [&](Channel c) {
    const auto& ready = of(c).ready[m.kind];
    if (m.of(c).todo == 0 || ready.size() < slots(c)) return m.of(c).todo == 0;
    return !m.of(c).ready ||
           std::find(ready.begin(), ready.begin() + slots(c), m.id) == ready.begin() + slots(c);
  });
}

void Scheduler::park(Message& m, Time now) {
  if (!m.unrecorded.empty()) {
    return write(m, Doing::parking, std::exchange(m.unrecorded, {}), Write::Then::stay);
  }
  const Id id = m.id;
  const Class kind = m.kind;
  const Channel c = m.of(Channel::remote).todo > 0 ? Channel::remote : Channel::local;
  forget(m);
  Lane& lane = of(c);
  lane.parked[kind].insert(id, 0);
  if (++lane.parked_in_a_row < kParkedInARow) return;
  lane.parked_in_a_row = 0;
  lane.rest_until = now + kRest[static_cast<std::size_t>(c)];
}

// ---- one message

bool Scheduler::Message::anything_left() const {
  return of(Status::todo) + of(Status::later) + of(Status::running) + of(Status::deferred) +
                 of(Status::failed) >
             0 ||
         !intents.empty();
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
  const bool pending =
      about != nullptr && (std::ranges::find(about->intents, m.id) != about->intents.end() ||
                           (about->doing == Doing::intending && about->intent == m.id));
  if (l.confirmed && !pending) return false;
  if (about == nullptr) {
    waiting_.erase(*l.notice_about);
    if (!knows(*l.notice_about)) fresh_.insert(*l.notice_about, 0);
  }
  m.next_s = seconds(now + kTroubleDelay);
  wait_again(m, now);
  return true;
}

void Scheduler::begin_attempt(Message& m, const Loaded& l, Time now) {
  m.place = l.place;
  m.arrival = l.arrival;
  m.next_s = std::min(seconds(l.next), latest_next(now));
  m.attempts = l.attempts;
  m.reports = l.reports;
  m.last_attempt = now > l.arrival + limits_.lifetime_s * kSecond;
  m.notice_due = now + kNoticeDelay;
  m.intents.assign(l.open_intents.begin(), l.open_intents.end());
  // A time that had to be pulled in came from a clock that was wrong; it has waited for that.
  const bool due = m.forced || l.next <= now || l.next > Time{latest_next(now)} * kSecond;
  m.recipients.assign(l.recipients.size(), Status::done);
  m.channels = l.channels;
  m.channels.resize(l.recipients.size(), Channel::local);
  m.of(Status::done) = static_cast<std::uint32_t>(l.recipients.size());
  for (std::uint32_t i = 0; i < l.recipients.size(); ++i) {
    using enum Loaded::Recipient;
    if (l.recipients[i] == waiting) set_status(m, i, due ? Status::todo : Status::later);
    if (l.recipients[i] == failed) set_status(m, i, Status::failed);
    if (l.recipients[i] == reported) set_status(m, i, Status::reported);
  }
  if (l.recipients.empty()) say(fmt::format("warning: msg {} has no recipients", m.id.text()));
  for (const Loaded::Refused& r : l.refused) {
    if (m.recipients[r.recipient] != Status::todo) continue;
    const std::uint64_t number = ++deliveries_;
    say(fmt::format("starting delivery {}: msg {} to remote {}", number, m.id.text(),
                    log_safe(r.address)));
    say(fmt::format("delivery {}: failure: {}", number, log_safe(r.text)));
    tell(m, r.recipient, 'D', r.text);
    fail(m, r.recipient, r.text, now);
  }
  hold(m, now);
}

// What a channel without slots is for waits until there is a send that has some.
void Scheduler::hold(Message& m, Time now) {
  if (!held(Channel::local) && !held(Channel::remote)) return;
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < m.recipients.size(); ++i) {
    if (m.recipients[i] != Status::todo || !held(m.channels[i])) continue;
    set_status(m, i, Status::later);
    ++count;
  }
  if (count > 0 && m.of(Status::todo) + m.of(Status::failed) == 0) {
    m.next_s = std::max(m.next_s, latest_next(now));
    m.held = true;
  }
}

void Scheduler::set_status(Message& m, std::uint32_t recipient, Status status) {
  Share& share = m.of(m.channels[recipient]);
  const Status before = std::exchange(m.recipients[recipient], status);
  --m.of(before);
  ++m.of(status);
  share.todo += (status == Status::todo ? 1U : 0U) - (before == Status::todo ? 1U : 0U);
  share.deferred += (status == Status::deferred ? 1U : 0U) - (before == Status::deferred ? 1U : 0U);
}

void Scheduler::fail(Message& m, std::uint32_t recipient, std::string text, Time now) {
  if (m.of(Status::failed) == 0) m.notice_due = now + kNoticeDelay;
  set_status(m, recipient, Status::failed);
  add_event(m, Kind::failed, recipient, std::move(text), now);
}

// Neighbours that say the same share a record: a list of thousands often ends with one text.
void Scheduler::add_event(Message& m, Kind kind, std::uint32_t recipient, std::string text,
                          Time now) {
  if (m.unrecorded.empty()) m.record_due = now + kRecordDelay;
  if (!m.unrecorded.empty() && kind != Kind::progress) {
    Event& last = m.unrecorded.back();
    if (last.kind == kind && last.text == text) return last.recipients.push_back(recipient);
  }
  Event event;
  event.kind = kind;
  event.wall_us = now;
  event.recipients = {recipient};
  event.text = std::move(text);
  m.unrecorded.push_back(std::move(event));
}

void Scheduler::advance_all(Time now) {
  std::vector<Id> ids;
  ids.reserve(open_.size());
  for (const auto& [id, m] : open_) ids.push_back(id);
  for (const Id& id : ids) {
    Message* m = find(id);
    if (m == nullptr || m->doing == Doing::loading) continue;
    make_ready(*m, now);
    advance(*m, now);
  }
}

void Scheduler::advance(Message& m, Time now) {
  if (m.doing != Doing::nothing) return;
  if (m.damaged) {
    m.doing = Doing::setting_aside;
    return do_this(SetAside{m.id});
  }
  if (m.trouble_until > now) {
    if (stopping_ && m.of(Status::running) == 0) wait_again(m, now);
    return;
  }
  m.trouble_until = 0;
  if (m.unfinished) {
    m.doing = m.unfinished_doing;
    return do_this(*m.unfinished);
  }
  const bool to_notify = !m.intents.empty() && !m.notice_failed && !stopping_;
  if (to_notify && notices_ < limits_.notices) return queue_notice(m);
  const bool over = m.of(Status::running) == 0 && (m.of(Status::todo) == 0 || stopping_);
  if (m.of(Status::failed) > 0 && !stopping_ && (over || m.notice_due <= now)) {
    return intend_notice(m, now);
  }
  if (over && !m.anything_left()) return write(m, Doing::removing, {}, Write::Then::remove);
  if (over && !to_notify) return keep(m, now);
  if (can_be_parked(m)) return park(m, now);
  if (!m.unrecorded.empty() && m.record_due <= now) {
    write(m, Doing::recording, std::exchange(m.unrecorded, {}), Write::Then::stay);
  }
}

void Scheduler::intend_notice(Message& m, Time now) {
  Event intent;
  intent.kind = Kind::intent;
  intent.wall_us = now;
  for (std::uint32_t i = 0; i < m.recipients.size(); ++i) {
    if (m.recipients[i] != Status::failed) continue;
    set_status(m, i, Status::reported);
    intent.recipients.push_back(i);
  }
  if (!m.reports) {
    say(fmt::format("triple bounce: discarding {}", m.id.text()));
    return advance(m, now);
  }
  m.intent = Id::make(now, random_());
  intent.notice = m.intent;
  std::vector<Event> events = std::exchange(m.unrecorded, {});
  events.push_back(std::move(intent));
  write(m, Doing::intending, std::move(events), Write::Then::stay);
}

void Scheduler::queue_notice(Message& m) {
  ++notices_;
  m.doing = Doing::queueing;
  do_this(QueueNotice{m.id, m.intents.front()});
}

// Nothing more to do in this attempt: what must wait is recorded, and moved where it waits.
void Scheduler::keep(Message& m, Time now) {
  std::vector<Event> events = std::exchange(m.unrecorded, {});
  if (m.of(Status::deferred) > 0) {
    const std::int64_t step = m.of(Channel::local).deferred > 0 ? kStepLocal : kStepRemote;
    const std::int64_t next =
        next_attempt_jittered(m.arrival / kSecond, now / kSecond, step, random_());
    m.next_s = std::min(seconds(next * kSecond), latest_next(now));
    Event event;
    event.kind = Kind::next;
    event.wall_us = now;
    event.next_us = Time{m.next_s} * kSecond;
    event.attempts = m.attempts + 1;
    events.push_back(std::move(event));
  }
  const bool move = m.place == queue::Place::incoming && m.next_s != 0 && !m.held;
  if (events.empty() && !move) return wait_again(m, now);
  write(m, Doing::keeping, std::move(events), move ? Write::Then::defer : Write::Then::stay);
}

void Scheduler::write(Message& m, Doing doing, std::vector<Event> events, Write::Then then) {
  m.doing = doing;
  m.unfinished_doing = doing;
  m.unfinished =
      Write{m.id, m.place, std::make_shared<const std::vector<Event>>(std::move(events)), then};
  do_this(*m.unfinished);
}

// What is known stays here and is written again, from a file opened anew; nothing that depends on
// it happens before.
void Scheduler::trouble(Message& m, Time now) {
  m.trouble_until = now + kTroubleDelay;
  advance(m, now);
}

void Scheduler::finished(Message& m, Doing doing, Time now) {
  if (doing == Doing::removing) {
    say(fmt::format("end msg {}", m.id.text()));
    return forget(m);
  }
  if (doing == Doing::keeping) return wait_again(m, now);
  if (doing == Doing::intending) m.intents.push_back(m.intent);
  if (doing == Doing::noticing) confirm_notice(m);
  advance(m, now);
}

void Scheduler::confirm_notice(Message& m) {
  const Id notice = m.intents.front();
  m.intents.pop_front();
  say(fmt::format("bounce msg {} qp {}", m.id.text(), notice.text()));
  waiting_.erase(notice);
  if (!open_.contains(notice)) fresh_.insert(notice, 0);
}

void Scheduler::wait_again(Message& m, Time now) {
  std::uint32_t next = m.again ? 0 : m.next_s;
  if (m.notice_failed && !m.again) {
    const std::uint32_t soon = seconds(now + kTroubleDelay);
    next = next == 0 ? soon : std::min(next, soon);
  }
  const Id id = m.id;
  forget(m);
  waiting_.insert(id, next);
}

void Scheduler::forget(Message& m) {
  const Id id = m.id;
  for (const Channel c : kEvery) {
    if (m.of(c).ready) std::erase(of(c).ready[m.kind], id);
  }
  --open_count_[m.kind];
  open_.erase(id);
  do_this(Close{id});
}

void Scheduler::tell(const Message& m, std::uint32_t recipient, char letter,
                     const std::string& text) {
  if (watched_ == m.id) do_this(Tell{m.id, recipient, letter, text});
}

void Scheduler::say_status() {
  say(fmt::format("status: local {}/{} remote {}/{}{}", running(Channel::local), limits_.deliveries,
                  running(Channel::remote), limits_.remote, stopping_ ? " exitasap" : ""));
}

}  // namespace porpoise::send
