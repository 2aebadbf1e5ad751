// What one open message does next: its attempt, records, notices, and its end.

#include <algorithm>
#include <fmt/format.h>

#include "send/log_text.h"
#include "send/scheduler.h"

namespace porpoise::send {

using queue::Event;
using queue::Id;
using queue::Kind;

namespace {

constexpr std::size_t kMostBenched = 10'000;
constexpr const char* kTooLong =
    "not tried again: the message has been in the queue too long (#4.4.7)";

}  // namespace

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
  m.began = now;
  m.next_s = std::min(seconds(l.next), latest_next(now));
  m.attempts = l.attempts;
  m.reports = l.reports;
  m.notice_due = now + kNoticeDelay;
  m.intents = l.open_intents;
  steps_ += l.recipients.size();
  m.recipients.resize(l.recipients.size());
  m.of(Status::done) = static_cast<std::uint32_t>(l.recipients.size());
  for (std::uint32_t i = 0; i < l.recipients.size(); ++i) {
    using enum Loaded::Recipient;
    const Loaded::Waiting w = i < l.waiting.size() ? l.waiting[i] : Loaded::Waiting{};
    const Destination crowd = w.crowd != 0 ? w.crowd : w.to;
    m.recipients[i] = {.to = w.to,
                       .crowd = crowd,
                       .attempts = w.attempts,
                       .channel = w.channel,
                       .reports = w.reports};
    if (l.recipients[i] == waiting) {
      const bool due = is_due(m, l, w, now, m.recipients[i].next_s);
      set_status(m, i, due ? Status::todo : Status::later);
    }
    if (l.recipients[i] == failed) set_status(m, i, Status::failed);
    if (l.recipients[i] == reported) set_status(m, i, Status::reported);
  }
  if (l.recipients.empty()) say(fmt::format("warning: msg {} has no recipients", m.id.text()));
  for (const Loaded::Refused& r : l.refused) refuse(m, r, now);
  hold(m, now);
  group(m);
  if (m.of(Status::todo) == 0 && m.of(Status::later) > 0) fruitless(m.kind, now);
}

// Each recipient waits for its own time, and for whoever finds out about its destination; but its
// first attempt and its last one are its own. A time that had to be pulled in came from a clock
// that was wrong; it has waited for that.
bool Scheduler::is_due(const Message& m, const Loaded& l, const Loaded::Waiting& w, Time now,
                       std::uint32_t& next_s) {
  const Time latest = Time{latest_next(now)} * kSecond;
  const auto is_over = [&](Time t) { return t <= now || t > latest; };
  if (!m.forced && !is_over(l.next)) {
    next_s = seconds(l.next);
    return false;
  }
  if (!m.forced && !is_over(w.due)) {
    next_s = seconds(w.due);
    return false;
  }
  const std::int64_t lifetime = w.lifetime_s < 0 ? limits_.lifetime_s : w.lifetime_s;
  const bool last = now > l.arrival + lifetime * kSecond;
  const Time wait = destinations_.wait_until(w.to, now);
  if (wait == 0 || m.asked || last || w.attempts == 0) return true;
  const auto spread = static_cast<std::uint64_t>((wait - now) / 16 + 1);
  next_s = std::min(seconds(wait + static_cast<Time>(random_() % spread)), latest_next(now));
  return false;
}

void Scheduler::refuse(Message& m, const Loaded::Refused& r, Time now) {
  if (m.recipients[r.recipient].status != Status::todo) return;
  const auto number = static_cast<std::int64_t>(++deliveries_);
  say(LogEntry{.event = "start",
               .story = fmt::format("starting delivery {}: msg {} to remote {}", number,
                                    m.id.text(), log_safe(r.address)),
               .told = {{"delivery", number},
                        {"id", m.id.text()},
                        {"channel", "remote"},
                        {"recipient", r.address}}});
  say(LogEntry{.event = "delivery",
               .story = fmt::format("delivery {}: failure: {}", number, log_safe(r.text)),
               .told = {{"delivery", number}, {"result", "failure"}, {"text", r.text}},
               .facts = {{"id", m.id.text()}, {"ms", std::int64_t{0}}}});
  tell(m, r.recipient, 'D', r.text);
  fail(m, r.recipient, r.text, now);
}

// What a channel without slots is for waits until it has some.
void Scheduler::hold(Message& m, Time now) {
  if (!held(Channel::local) && !held(Channel::remote)) return;
  for (std::uint32_t i = 0; i < m.recipients.size(); ++i) {
    Recipient& r = m.recipients[i];
    if (r.status != Status::todo || !held(r.channel)) continue;
    set_status(m, i, Status::later);
    r.next_s = latest_next(now);
  }
}

void Scheduler::set_status(Message& m, std::uint32_t recipient, Status status) {
  --m.of(std::exchange(m.recipients[recipient].status, status));
  ++m.of(status);
}

// Whether this deferral is the end of it: too long in the queue, or given up for others before. But
// an attempt that never was made tells nothing, for as long again.
bool Scheduler::is_final(const Message& m, std::uint32_t recipient, const Ruling& ruling) const {
  const mail::RetryPlan plan = ruling.plan.value_or(mail::RetryPlan{});
  std::int64_t lifetime = plan.lifetime_s < 0 ? limits_.lifetime_s : plan.lifetime_s;
  if (!ruling.tried) lifetime *= 2;
  if (m.began <= m.arrival + lifetime * kSecond) return false;
  const std::size_t planned = mail::retry_ages(plan, lifetime, kLeastAttempts + 1).size();
  return m.recipients[recipient].attempts + 2 >= planned;
}

void Scheduler::defer(Message& m, std::uint32_t recipient, const std::string& text,
                      const Ruling& ruling, Time now) {
  Recipient& r = m.recipients[recipient];
  const bool final = is_final(m, recipient, ruling);
  const auto* before =
      ruling.about_destination ? destinations_.given_up(r.to, ruling.error, now) : nullptr;
  mail::RetryPlan plan = ruling.plan.value_or(mail::RetryPlan{});
  if (!ruling.plan && r.channel == Channel::remote) plan.step = mail::kRetryStepRemote;
  ++r.attempts;
  const std::int64_t next = plan.next(m.arrival / kSecond, now / kSecond, std::max(r.attempts, 1U));
  r.next_s = std::min(seconds(next * kSecond), latest_next(now));
  std::string why;
  if (final) {
    why = kTooLong;
  } else if (before != nullptr) {
    why = fmt::format(
        "not tried again: {} has taken no mail since {}, and other mail for it was "
        "returned already (#4.4.7)",
        before->name, timestamp(before->first_failure));
  }
  if (ruling.about_destination) {
    const bool news = destinations_.failed(r.to, ruling, text, Time{r.next_s} * kSecond, now);
    if (news) say_destination(ruling.name, "failing", now, text);
    if (final) destinations_.returned(r.to, ruling.error);
  }
  if (why.empty()) {
    set_status(m, recipient, Status::deferred);
    return add_event(m, Kind::deferred, recipient, text, now);
  }
  const std::string end = !text.empty() && text.back() != '\n' ? "\n" : "";
  fail(m, recipient, text + end + why, now);
}

void Scheduler::fail(Message& m, std::uint32_t recipient, std::string text, Time now) {
  const bool told = m.recipients[recipient].reports;
  if (told && m.of(Status::failed) == 0) m.notice_due = now + kNoticeDelay;
  if (!told) ++m.unwanted;
  set_status(m, recipient, told ? Status::failed : Status::reported);
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
  if (m.trouble_until > now) {
    if (stopping_ && m.of(Status::running) == 0) wait_again(m, now);
    return;
  }
  m.trouble_until = 0;
  bench(m, false);
  if (m.unfinished.events) return write_again(m);
  const bool to_notify = !m.intents.empty() && !m.notice_failed && !stopping_;
  if (to_notify && notices_ < limits_.notices) return queue_notice(m);
  const bool over = m.of(Status::running) == 0 && (m.of(Status::todo) == 0 || stopping_);
  if (over) say_unwanted(m);
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

// Nothing more to do in this attempt: what must wait is recorded, and moved where it waits. What
// was not tried because we end is to be tried at once.
void Scheduler::keep(Message& m, Time now) {
  std::vector<Event> events = std::exchange(m.unrecorded, {});
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
    next = m.next_s;
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
  m.unfinished = {std::make_shared<const std::vector<Event>>(std::move(events)), then, doing};
  write_again(m);
}

void Scheduler::write_again(Message& m) {
  m.doing = m.unfinished.doing;
  do_this(Write{m.id, m.place, m.unfinished.events, m.unfinished.then});
}

// What is known stays here and is written again, from a file opened anew; nothing that depends on
// it happens before.
void Scheduler::trouble(Message& m, Time now) {
  m.trouble_until = now + kTroubleDelay;
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
  if (doing == Doing::intending) m.intents.push_back(m.intent);
  if (doing == Doing::noticing) confirm_notice(m);
  advance(m, now);
}

void Scheduler::confirm_notice(Message& m) {
  const Id notice = m.intents.front();
  m.intents.erase(m.intents.begin());
  say(LogEntry{.event = "bounce",
               .story = fmt::format("bounce msg {} qp {}", m.id.text(), notice.text()),
               .told = {{"id", m.id.text()}, {"notice", notice.text()}}});
  waiting_.erase(notice);
  if (!open_.contains(notice)) fresh_.insert(notice, 0);
}

void Scheduler::wait_again(Message& m, Time now) {
  std::uint32_t next = m.again ? kAskedFor : m.next_s;
  if (m.notice_failed && !m.again) {
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
  withdraw(m, now);
  came_back(m, now);
  const Id id = m.id;
  --open_count_[m.kind];
  open_.erase(id);
  do_this(Close{id});
}

void Scheduler::tell(const Message& m, std::uint32_t recipient, char letter,
                     const std::string& text) {
  if (watched_ == m.id) do_this(Tell{m.id, recipient, letter, text});
}

// RFC 3461 section 5.2.7: NOTIFY=NEVER, or one without FAILURE.
void Scheduler::say_unwanted(Message& m) {
  const std::int64_t recipients = std::exchange(m.unwanted, 0);
  if (recipients == 0) return;
  say(LogEntry{.event = "unwanted",
               .story = fmt::format("no bounce msg {}: its sender wants none", m.id.text()),
               .told = {{"id", m.id.text()}},
               .facts = {{"recipients", recipients}}});
}

void Scheduler::say_status() {
  const std::int64_t local = running(Channel::local);
  const std::int64_t remote = running(Channel::remote);
  say(LogEntry{.event = "status",
               .story = fmt::format("status: local {}/{} remote {}/{}{}", local, limits_.deliveries,
                                    remote, limits_.remote, stopping_ ? " exitasap" : ""),
               .told = {{"local", local},
                        {"local_limit", std::int64_t{limits_.deliveries}},
                        {"remote", remote},
                        {"remote_limit", std::int64_t{limits_.remote}}}});
}

void Scheduler::say_ended(const Slot& s, char letter, const std::string& text, Time now) {
  const char* how = letter == 'K' ? "success" : letter == 'D' ? "failure" : "deferral";
  const auto number = static_cast<std::int64_t>(s.number);
  say(LogEntry{.event = "delivery",
               .story = fmt::format("delivery {}: {}: {}", s.number, how, log_safe(text)),
               .told = {{"delivery", number}, {"result", how}, {"text", text}},
               .facts = {{"id", s.id.text()}, {"ms", (now - s.started) / 1000}}});
}

void Scheduler::say_waits(const Message& m) {
  say(LogEntry{
      .event = "waiting",
      .story = fmt::format("waiting msg {}:", m.id.text()),
      .told = {{"id", m.id.text()}},
      .facts = {{"next", timestamp(Time{m.next_s} * kSecond)},
                {"attempts", std::int64_t{m.attempts} + 1},
                {"recipients", std::int64_t{m.of(Status::deferred)} + m.of(Status::later)}}});
}

void Scheduler::say_destination(const std::string& name, const char* state, Time since,
                                const std::string& text) {
  say(LogEntry{.event = "destination",
               .story = fmt::format("destination {}: {}", log_safe(name), state),
               .told = {{"name", name}, {"state", state}},
               .facts = {{"since", timestamp(since)}, {"text", text}}});
}

}  // namespace porpoise::send
