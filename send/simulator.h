// The scheduler in virtual time, for tests.

#pragma once

#include <algorithm>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "queue/file.h"
#include "send/scheduler.h"

namespace porpoise::send {

using queue::Event;
using queue::Id;
using queue::Kind;
using queue::Place;

inline constexpr Time kStart = 1'800'000'000 * kSecond;

struct Sim {  // a message on the simulated disk
  Place place = Place::incoming;
  Time arrival = kStart;
  bool reports = true;
  bool held = false;
  queue::State state;
  std::set<std::uint32_t> unroutable;
  std::set<std::uint32_t> untold;           // whose failure nobody wants to know
  std::set<std::uint32_t> elsewhere;        // recipients on other hosts
  std::map<std::uint32_t, Destination> to;  // recipients at a destination that counts
  std::optional<Id> notice_about;
};

struct Attempt {
  Time at = 0;
  Id id;
  std::uint32_t recipient = 0;
};

/// Everything around the scheduler: a disk that does what it is told (or not), a spawner that
/// answers what a test decides, and a clock that jumps from one event to the next. At each start of
/// a delivery it checks what must hold whatever happens.
class World {
 public:
  explicit World(const Limits& limits = {}) : scheduler(limits, 42) { scheduler.spawner_up(now); }

  Id put(std::uint32_t recipients, Place place = Place::incoming) {
    const Id id = Id::make(now, ++ids_);
    Sim sim;
    sim.place = place;
    sim.arrival = now;
    sim.state.recipients.resize(recipients);
    disk[id] = sim;
    return id;
  }
  Id arrive(std::uint32_t recipients = 1) {
    const Id id = put(recipients);
    scheduler.arrived(id, now);
    run();
    return id;
  }

  /// All of whose recipients are on other hosts.
  Id arrive_for_elsewhere(std::uint32_t recipients = 1) {
    const Id id = put(recipients);
    for (std::uint32_t i = 0; i < recipients; ++i) disk.at(id).elsewhere.insert(i);
    scheduler.arrived(id, now);
    run();
    return id;
  }

  /// All of whose recipients are at one destination.
  Id put_to(Destination to, Channel channel = Channel::remote, std::uint32_t recipients = 1,
            Place place = Place::incoming) {
    const Id id = put(recipients, place);
    for (std::uint32_t i = 0; i < recipients; ++i) {
      disk.at(id).to[i] = to;
      if (channel == Channel::remote) disk.at(id).elsewhere.insert(i);
    }
    return id;
  }
  Id arrive_to(Destination to, Channel channel = Channel::remote, std::uint32_t recipients = 1) {
    const Id id = put_to(to, channel, recipients);
    scheduler.arrived(id, now);
    run();
    return id;
  }
  std::size_t running_to(Destination to) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(running, [&](const auto& r) { return where(r.second) == to; }));
  }

  /// Does what it is told until it asks for nothing more at this moment.
  void run() {
    for (std::vector<Action> actions = scheduler.take(); !actions.empty();
         actions = scheduler.take()) {
      steps += actions.size();
      for (Action& action : actions) {
        if (spoil_action(action)) continue;
        std::visit([this](const auto& a) { act(a); }, action);
      }
    }
  }
  /// Lets time pass, from one wake-up to the next.
  void until(Time end) {
    for (auto wake = scheduler.wake(); wake && *wake <= end; wake = scheduler.wake()) {
      ASSERT_GT(*wake, now) << "woken twice at one moment";
      now = *wake;
      scheduler.tick(now);
      run();
    }
    now = end;
    scheduler.tick(now);
    run();
  }
  void pass(Time time) { until(now + time); }

  /// The scheduler dies; another begins with what is on the disk.
  void restart() {
    scheduler = Scheduler(scheduler.limits(), 43);
    running.clear();
    scheduler.spawner_up(now);
    for (const auto& [id, sim] : disk) {
      if (sim.place == Place::incoming) scheduler.arrived(id, now);
      if (sim.place == Place::deferred) scheduler.found(id, sim.state.next_us, now);
    }
    run();
  }

  /// What `reads` had no answer for is read at last.
  void read_at_last(const Id& id) {
    was_read(id);
    run();
  }
  void report(const Id& id, char letter, const std::string& text, const std::string& note = "") {
    for (const auto& [slot, start] : running) {
      if (start.id != id) continue;
      const std::uint32_t which = slot;
      const Start ended = start;
      running.erase(which);
      scheduler.reported(which, letter, text, note, now, rule(ended));
      return run();
    }
    FAIL() << "no delivery of " << id.text() << " runs";
  }

  std::vector<std::string> of_log(std::string_view word) const {
    std::vector<std::string> found;
    for (const std::string& line : log) {
      if (line.find(word) != std::string::npos) found.push_back(line);
    }
    return found;
  }

  Time now = kStart;
  Scheduler scheduler;
  std::map<Id, Sim> disk;
  std::map<Destination, Destination> crowds;  // whose places a destination takes, where not its own
  std::map<std::uint32_t, Start> running;     // by slot
  std::vector<Attempt> attempts;
  std::vector<std::string> log;  // the stories
  std::vector<LogEntry> entries;
  std::vector<std::string> tellings_of_watched;
  std::vector<Write> writes;
  std::vector<Id> notices;                               // queued, in order
  std::map<Id, std::vector<std::uint32_t>> told;         // by notice
  std::map<std::pair<Id, std::uint32_t>, int> ends;      // recorded, by recipient
  std::map<std::pair<Id, std::uint32_t>, int> failures;  // recorded, by recipient
  std::map<std::pair<Id, std::uint32_t>, int> tellings;  // in a notice, by recipient
  bool keeps_log = true;
  /// For a bug that is planted: may change what a reader says, or an action (true: it is not done).
  std::function<void(Loaded&)> spoil_reading = [](Loaded&) {};
  std::function<bool(Action&)> spoil_action = [](Action&) { return false; };
  std::optional<Limits> promised;  // else those of the scheduler
  int set_aside = 0;
  std::size_t loads = 0;
  std::size_t steps = 0;  // actions that were carried out
  mail::RetryPlan plan;   // what a reader finds for all that waits
  // What the world answers; nullopt: not yet.
  std::function<std::optional<char>(const Start&)> deliver = [](const Start&) { return 'K'; };
  std::function<Ruling(const Start&)> rule = [](const Start&) { return Ruling{}; };
  std::function<Outcome(const Write&)> disk_does = [](const Write&) { return Outcome::ok; };
  std::function<bool(const QueueNotice&)> bounce = [](const QueueNotice&) { return true; };
  std::function<std::optional<Outcome>(const Id&)> reads = [](const Id&) { return Outcome::ok; };

 private:
  Destination where(const Start& s) const {
    const auto sim = disk.find(s.id);
    if (sim == disk.end()) return 0;
    const auto at = sim->second.to.find(s.recipient);
    return at == sim->second.to.end() ? 0 : at->second;
  }
  void check_limits(const Start& a) const {
    const Limits& limits = promised ? *promised : scheduler.limits();
    const bool remote = a.channel == Channel::remote;
    const auto same = std::ranges::count_if(
        running, [&](const auto& r) { return r.second.channel == a.channel; });
    ASSERT_LE(same, remote ? limits.remote : limits.deliveries) << "deliveries at once";
    if (where(a) == 0) return;
    ASSERT_LE(running_to(where(a)), remote ? limits.per_host : limits.per_recipient)
        << "deliveries at once to one destination";
  }
  Loaded::Waiting waiting_of(const Sim& sim, std::uint32_t i) const {
    const auto& r = sim.state.recipients[i];
    Loaded::Waiting w;
    if (sim.elsewhere.contains(i)) w.channel = Channel::remote;
    if (const auto at = sim.to.find(i); at != sim.to.end()) w.to = at->second;
    w.reports = !sim.untold.contains(i);
    if (const auto at = crowds.find(w.to); at != crowds.end()) w.crowd = at->second;
    w.attempts = r.attempts;
    if (r.attempts == 0) return w;
    mail::RetryPlan p = plan;
    if (w.channel == Channel::remote) p.step = mail::kRetryStepRemote;
    w.due = p.next(sim.arrival / kSecond, r.last_us / kSecond, r.attempts) * kSecond;
    w.lifetime_s = p.lifetime_s;
    return w;
  }
  void act(const Load& a) {
    ++loads;
    if (!disk.contains(a.id)) return scheduler.load_failed(a.id, Outcome::gone, now);
    const std::optional<Outcome> outcome = reads(a.id);
    if (!outcome) return;
    if (outcome != Outcome::ok) return scheduler.load_failed(a.id, *outcome, now);
    was_read(a.id);
  }
  void was_read(const Id& id) {
    const Sim& sim = disk.at(id);
    Loaded l;
    l.place = sim.place;
    l.arrival = sim.arrival;
    l.next = sim.state.next_us;
    l.attempts = sim.state.attempts;
    l.held = sim.held;
    l.reports = sim.reports;
    l.notice_about = sim.notice_about;
    if (l.notice_about && disk.contains(*l.notice_about)) {
      l.confirmed = !disk.at(*l.notice_about).state.open_intents.contains(id);
    }
    for (const auto& [intent, who] : sim.state.open_intents) l.open_intents.push_back(intent);
    for (std::uint32_t i = 0; i < sim.state.recipients.size(); ++i) {
      const auto& r = sim.state.recipients[i];
      using enum queue::State::Status;
      l.recipients.push_back(r.status == waiting                   ? Loaded::Recipient::waiting
                             : r.status != failed                  ? Loaded::Recipient::done
                             : r.noticed || sim.untold.contains(i) ? Loaded::Recipient::reported
                                                                   : Loaded::Recipient::failed);
      l.waiting.push_back(waiting_of(sim, i));
      if (sim.unroutable.contains(i)) l.refused.push_back({i, "x@far", "no route (#5.1.2)"});
    }
    spoil_reading(l);
    scheduler.loaded(id, l, now);
  }
  void act(const Start& a) {
    EXPECT_EQ(a.channel == Channel::remote, disk.at(a.id).elsewhere.contains(a.recipient));
    attempts.push_back({now, a.id, a.recipient});
    const auto& state = disk.at(a.id).state.recipients[a.recipient];
    EXPECT_EQ(state.status, queue::State::Status::waiting) << "tried again after its end";
    EXPECT_FALSE(running.contains(a.slot));
    EXPECT_EQ(a.attempt, state.attempts + 1);
    running[a.slot] = a;
    check_limits(a);
    if (const auto letter = deliver(a)) {
      running.erase(a.slot);
      scheduler.reported(a.slot, *letter, *letter == 'K' ? "did 1+0+0" : "because", "", now,
                         rule(a));
    }
  }
  void act(const Write& a) {
    const Outcome outcome = disk_does(a);
    if (keeps_log) writes.push_back(a);
    if (outcome == Outcome::ok) {
      Sim& sim = disk.at(a.id);
      for (const Event& event : *a.events) {
        sim.state.apply(event);
        if (event.kind == Kind::failed || event.kind == Kind::delivered) {
          for (const std::uint32_t r : event.recipients) ++ends[{a.id, r}];
        }
        if (event.kind != Kind::failed) continue;
        for (const std::uint32_t r : event.recipients) {
          if (!sim.untold.contains(r)) ++failures[{a.id, r}];
        }
      }
      if (a.then == Write::Then::defer) sim.place = Place::deferred;
      if (a.then == Write::Then::remove) disk.erase(a.id);
    }
    scheduler.written(a.id, outcome, now);
  }
  void act(const QueueNotice& a) {
    const Sim& about = disk.at(a.about);
    ASSERT_TRUE(about.state.open_intents.contains(a.id)) << "a notice without a recorded intent";
    const bool queued = bounce(a);
    if (queued && !disk.contains(a.id)) {
      Sim sim;
      sim.arrival = now;
      sim.state.recipients.resize(1);
      sim.notice_about = a.about;
      disk[a.id] = sim;
      notices.push_back(a.id);
      told[a.id] = about.state.open_intents.at(a.id);
      for (const std::uint32_t r : told[a.id]) ++tellings[{a.about, r}];
    }
    scheduler.notice_done(a.about, queued, now);
  }
  void act(const SetAside& a) {
    ++set_aside;
    disk.erase(a.id);
    scheduler.written(a.id, Outcome::ok, now);
  }
  void act(const Close&) {}
  void act(const Say& a) {
    if (!keeps_log) return;
    log.push_back(a.entry.story);
    entries.push_back(a.entry);
  }
  void act(const Tell& a) {
    tellings_of_watched.push_back(fmt::format("{} {} {}", a.recipient, a.letter, a.text));
  }

  std::uint64_t ids_ = 0;
};

}  // namespace porpoise::send
