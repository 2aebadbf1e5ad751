// The recipients of an open message: which are tried in this attempt, and how each attempt ends.

#include <algorithm>
#include <fmt/format.h>

#include "send/log_text.h"
#include "send/scheduler.h"

namespace porpoise::send {

using queue::Event;
using queue::Kind;

namespace {

constexpr std::size_t kMostCounted = 100'000;  // attempts
constexpr const char* kTooLong =
    "not tried again: the message has been in the queue too long (#4.4.7)";

mail::RetryPlan plan_for(Channel channel, const Ruling& ruling) {
  if (ruling.plan) return *ruling.plan;
  mail::RetryPlan plan;
  if (channel == Channel::remote) plan.step = mail::kRetryStepRemote;
  return plan;
}

}  // namespace

void Scheduler::begin_attempt(Message& m, const Loaded& l, Time now) {
  m.place = l.place;
  m.arrival = l.arrival;
  m.began = now;
  m.next_s = std::min(seconds(l.next), latest_next(now));
  m.attempts = l.attempts;
  m.reports = l.reports;
  if (!l.open_intents.empty()) m.unsettle().intents = l.open_intents;
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
  if (m.of(Status::failed) > 0) m.unsettle().notice_due = now + kNoticeDelay;
  if (l.recipients.empty()) say(fmt::format("warning: msg {} has no recipients", m.id.text()));
  for (const Loaded::Refused& r : l.refused) refuse(m, r, now);
  hold(m, now);
  m.list = group(m) >= kListRecipients && lists_ < kListsKeptOpen;
  lists_ += m.list ? 1U : 0U;
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
  const mail::RetryPlan plan = plan_for(m.recipients[recipient].channel, ruling);
  std::int64_t lifetime = plan.lifetime_s < 0 ? limits_.lifetime_s : plan.lifetime_s;
  if (!ruling.tried) lifetime *= 2;
  if (m.arrival > m.began) {  // by the clock of then: what is left to count are attempts
    const std::size_t all = mail::retry_ages(plan, lifetime, kMostCounted).size();
    return m.recipients[recipient].attempts + 1 >= all;
  }
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
  const mail::RetryPlan plan = plan_for(r.channel, ruling);
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
  if (told && m.of(Status::failed) == 0) m.unsettle().notice_due = now + kNoticeDelay;
  if (!told) ++m.unsettle().unwanted;
  set_status(m, recipient, told ? Status::failed : Status::reported);
  add_event(m, Kind::failed, recipient, std::move(text), now);
}

// Neighbours that say the same share a record: a list of thousands often ends with one text.
void Scheduler::add_event(Message& m, Kind kind, std::uint32_t recipient, std::string text,
                          Time now) {
  Unsettled& rest = m.unsettle();
  if (rest.unrecorded.empty()) rest.record_due = now + kRecordDelay;
  if (!rest.unrecorded.empty() && kind != Kind::progress) {
    Event& last = rest.unrecorded.back();
    if (last.kind == kind && last.text == text) return last.recipients.push_back(recipient);
  }
  Event event;
  event.kind = kind;
  event.wall_us = now;
  event.recipients = {recipient};
  event.text = std::move(text);
  rest.unrecorded.push_back(std::move(event));
}

}  // namespace porpoise::send
