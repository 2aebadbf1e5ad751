// The scheduler in virtual time. World plays everything around it: a disk that does what it is
// told (or not), a spawner that answers what a test decides, and a clock that jumps from one
// event to the next.

#include "send/scheduler.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "queue/file.h"

namespace porpoise::send {
namespace {

using queue::Event;
using queue::Id;
using queue::Kind;
using queue::Place;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Time kStart = 1'800'000'000 * kSecond;

struct Sim {  // a message on the simulated disk
  Place place = Place::incoming;
  Time arrival = kStart;
  bool reports = true;
  bool held = false;
  queue::State state;
  std::set<std::uint32_t> unroutable;
  std::set<std::uint32_t> elsewhere;  // recipients on other hosts
  std::optional<Id> notice_about;
};

struct Attempt {
  Time at = 0;
  Id id;
  std::uint32_t recipient = 0;
};

class World {
 public:
  explicit World(Limits limits = {}) : scheduler(limits, 42) { scheduler.spawner_up(now); }

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

  /// Does what it is told until it asks for nothing more at this moment.
  void run() {
    for (std::vector<Action> actions = scheduler.take(); !actions.empty();
         actions = scheduler.take()) {
      for (const Action& action : actions) std::visit([this](const auto& a) { act(a); }, action);
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

  void report(const Id& id, char letter, const std::string& text, const std::string& note = "") {
    for (const auto& [slot, start] : running) {
      if (start.id != id) continue;
      const std::uint32_t which = slot;
      running.erase(which);
      scheduler.reported(which, letter, text, note, now);
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
  std::map<std::uint32_t, Start> running;  // by slot
  std::vector<Attempt> attempts;
  std::vector<std::string> log;
  std::vector<std::string> tellings_of_watched;
  std::vector<Write> writes;
  std::vector<Id> notices;                               // queued, in order
  std::map<Id, std::vector<std::uint32_t>> told;         // by notice
  std::map<std::pair<Id, std::uint32_t>, int> failures;  // recorded, by recipient
  std::map<std::pair<Id, std::uint32_t>, int> tellings;  // in a notice, by recipient
  int set_aside = 0;
  std::size_t loads = 0;
  // What the world answers; nullopt: not yet.
  std::function<std::optional<char>(const Start&)> deliver = [](const Start&) { return 'K'; };
  std::function<Outcome(const Write&)> disk_does = [](const Write&) { return Outcome::ok; };
  std::function<bool(const QueueNotice&)> bounce = [](const QueueNotice&) { return true; };
  std::function<Outcome(const Id&)> reads = [](const Id&) { return Outcome::ok; };

 private:
  void act(const Load& a) {
    ++loads;
    if (!disk.contains(a.id)) return scheduler.load_failed(a.id, Outcome::gone, now);
    if (reads(a.id) != Outcome::ok) return scheduler.load_failed(a.id, reads(a.id), now);
    const Sim& sim = disk.at(a.id);
    Loaded l;
    l.place = sim.place;
    l.arrival = sim.arrival;
    l.next = sim.state.next_us;
    l.attempts = sim.state.attempts;
    l.held = sim.held;
    l.reports = sim.reports;
    l.notice_about = sim.notice_about;
    if (l.notice_about && disk.contains(*l.notice_about)) {
      l.confirmed = !disk.at(*l.notice_about).state.open_intents.contains(a.id);
    }
    for (const auto& [intent, who] : sim.state.open_intents) l.open_intents.push_back(intent);
    for (std::uint32_t i = 0; i < sim.state.recipients.size(); ++i) {
      const auto& r = sim.state.recipients[i];
      using enum queue::State::Status;
      l.recipients.push_back(r.status == waiting  ? Loaded::Recipient::waiting
                             : r.status != failed ? Loaded::Recipient::done
                             : r.noticed          ? Loaded::Recipient::reported
                                                  : Loaded::Recipient::failed);
      l.channels.push_back(sim.elsewhere.contains(i) ? Channel::remote : Channel::local);
      if (sim.unroutable.contains(i)) l.refused.push_back({i, "x@far", "no route (#5.1.2)"});
    }
    scheduler.loaded(a.id, l, now);
  }
  void act(const Start& a) {
    EXPECT_EQ(a.channel == Channel::remote, disk.at(a.id).elsewhere.contains(a.recipient));
    attempts.push_back({now, a.id, a.recipient});
    const auto& state = disk.at(a.id).state.recipients[a.recipient];
    EXPECT_EQ(state.status, queue::State::Status::waiting) << "tried again after its end";
    EXPECT_FALSE(running.contains(a.slot));
    running[a.slot] = a;
    if (const auto letter = deliver(a)) {
      running.erase(a.slot);
      scheduler.reported(a.slot, *letter, *letter == 'K' ? "did 1+0+0" : "because", "", now);
    }
  }
  void act(const Write& a) {
    const Outcome outcome = disk_does(a);
    writes.push_back(a);
    if (outcome == Outcome::ok) {
      Sim& sim = disk.at(a.id);
      for (const Event& event : *a.events) {
        sim.state.apply(event);
        if (event.kind != Kind::failed) continue;
        for (const std::uint32_t r : event.recipients) ++failures[{a.id, r}];
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
  void act(const Say& a) { log.push_back(a.line); }
  void act(const Tell& a) {
    tellings_of_watched.push_back(fmt::format("{} {} {}", a.recipient, a.letter, a.text));
  }

  std::uint64_t ids_ = 0;
};

// ---- the first attempt

TEST(Scheduler, AMessageThatIsDeliveredAtOnceWritesNothingAndIsRemoved) {
  World w;
  const Id id = w.arrive();
  EXPECT_TRUE(w.disk.empty());
  ASSERT_EQ(w.writes.size(), 1u);
  EXPECT_TRUE(w.writes[0].events->empty());
  EXPECT_EQ(w.writes[0].then, Write::Then::remove);
  EXPECT_THAT(w.log, ElementsAre("status: local 1/10 remote 0/20", "delivery 1: success: did_1+0+0",
                                 "status: local 0/10 remote 0/20", "end msg " + id.text()));
  EXPECT_TRUE(w.scheduler.idle(w.now));
}

TEST(Scheduler, AnArrivalStartsItsDeliveryWithoutAnyTimer) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  w.arrive();
  ASSERT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(w.attempts[0].at, kStart);
}

TEST(Scheduler, AKnownMessageIsNoNews) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive();
  w.scheduler.arrived(id, w.now);
  w.scheduler.found(id, 0, w.now);
  w.run();
  w.report(id, 'Z', "later");
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(w.scheduler.waiting(), 1u);
}

TEST(Scheduler, AMessageWithoutRecipientsIsRemovedWithAWarning) {
  World w;
  const Id id = w.arrive(0);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_THAT(w.log, Contains("warning: msg " + id.text() + " has no recipients"));
}

TEST(Scheduler, WithoutASpawnerNothingStartsUntilThereIsOne) {
  World w;
  w.scheduler.spawner_lost(w.now);
  w.arrive();
  EXPECT_THAT(w.attempts, IsEmpty());
  w.scheduler.spawner_up(w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
}

// ---- recording

TEST(Scheduler, ADeferralIsRecordedMovedAndTriedAgainOnSchedule) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive();
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
  EXPECT_EQ(w.disk.at(id).state.recipients[0].text, "because");
  EXPECT_EQ(w.disk.at(id).state.attempts, 1u);
  EXPECT_GE(w.disk.at(id).state.next_us, kStart + 100 * kSecond);
  EXPECT_LE(w.disk.at(id).state.next_us, kStart + 107 * kSecond);
  w.until(kStart + 99 * kSecond);
  EXPECT_EQ(w.attempts.size(), 1u);
  w.deliver = [](const Start&) { return 'K'; };
  w.until(kStart + 107 * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, SuccessesAreRecordedWithinASecondWhileOthersRun) {
  World w;
  w.deliver = [](const Start& s) { return s.recipient == 2 ? std::nullopt : std::optional('K'); };
  const Id id = w.arrive(3);
  EXPECT_THAT(w.writes, IsEmpty());
  w.pass(kRecordDelay);
  ASSERT_EQ(w.writes.size(), 1u);
  EXPECT_EQ(w.writes[0].then, Write::Then::stay);
  ASSERT_EQ(w.writes[0].events->size(), 1u);  // one text, one record
  EXPECT_THAT(w.writes[0].events->front().recipients, ElementsAre(0u, 1u));
  w.restart();  // World fails where one that is done is tried again
  EXPECT_EQ(w.attempts.back().id, id);
  EXPECT_EQ(w.attempts.back().recipient, 2u);
  EXPECT_EQ(w.attempts.size(), 4u);
}

TEST(Scheduler, ADeliveredRecipientOfADeferredMessageIsNeverTriedAgain) {
  World w;
  w.deliver = [](const Start& s) { return s.recipient == 0 ? 'Z' : 'K'; };
  w.arrive(3);
  w.restart();
  w.pass(3600 * kSecond);
  std::multiset<std::uint32_t> tried;
  for (const Attempt& a : w.attempts) tried.insert(a.recipient);
  EXPECT_EQ(tried.count(1), 1u);
  EXPECT_EQ(tried.count(2), 1u);
  EXPECT_EQ(tried.count(0), 6u);  // at ages 0, 100, 400, 900, 1600 and 2500, each a bit later
}

TEST(Scheduler, ProgressNotesAreRecordedAndOnlyTheLastOne) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive();
  w.scheduler.noted(0, "line 1", w.now);
  for (int i = 0; i < 20; ++i) {  // a busy delivery does not put the record off
    w.pass(kSecond / 10);
    w.scheduler.noted(0, fmt::format("line {}", i), w.now);
  }
  w.run();
  EXPECT_GE(w.writes.size(), 1u);
  EXPECT_LE(w.writes.size(), 3u);
  w.report(id, 'Z', "later", "the last");
  EXPECT_EQ(w.disk.at(id).state.recipients[0].progress, "the last");
}

TEST(Scheduler, NotesAndReportsOfSlotsNotInUseAreIgnored) {
  World w;
  w.scheduler.noted(3, "x", w.now);
  w.scheduler.noted(300, "x", w.now);
  w.scheduler.reported(3, 'K', "x", "", w.now);
  w.scheduler.reported(300, 'K', "x", "", w.now);
  w.run();
  EXPECT_THAT(w.log, ElementsAre("warning: a report about slot 3, which is not in use",
                                 "warning: a report about slot 300, which is not in use"));
}

TEST(Scheduler, AFailedWriteIsDoneAgainLaterAndNothingDependsOnItBefore) {
  World w;
  w.deliver = [](const Start&) { return 'D'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  const Id id = w.arrive();
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_EQ(w.writes.size(), 1u);
  EXPECT_TRUE(w.scheduler.idle(w.now));
  w.pass(kTroubleDelay);
  EXPECT_EQ(w.writes.size(), 2u);
  EXPECT_THAT(w.notices, IsEmpty());
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.deliver = [](const Start&) { return 'K'; };
  w.pass(kTroubleDelay);
  EXPECT_EQ(w.notices.size(), 1u);  // one: the intent kept its id
  EXPECT_TRUE(w.disk.empty()) << id.text();
}

TEST(Scheduler, TroubleWithOneMessageDelaysNoOther) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  w.arrive();
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.deliver = [](const Start&) { return 'K'; };
  const Id other = w.arrive();
  EXPECT_FALSE(w.disk.contains(other));
}

TEST(Scheduler, ADamagedMessageIsSetAsideAndTheOthersGoOn) {
  World w;
  w.reads = [](const Id&) { return Outcome::damaged; };
  const Id bad = w.arrive();
  w.reads = [](const Id&) { return Outcome::ok; };
  w.arrive();
  EXPECT_EQ(w.set_aside, 1);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_FALSE(w.scheduler.knows(bad));
}

TEST(Scheduler, AMessageWhoseContentIsDamagedIsSetAsideWithAllItsDeliveries) {
  World w({.deliveries = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive(9);
  w.running.clear();
  w.deliver = [](const Start&) { return 'K'; };
  const Id other = w.arrive();
  w.scheduler.damaged(id, w.now);
  w.run();
  w.scheduler.damaged(other, w.now);  // not open any more: nothing
  w.run();
  EXPECT_EQ(w.set_aside, 1);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 4u);
  EXPECT_EQ(w.scheduler.running(Channel::local), 0u);
}

TEST(Scheduler, AMessageThatCannotBeReadNowIsReadLater) {
  World w;
  w.reads = [](const Id&) { return Outcome::trouble; };
  w.arrive();
  EXPECT_EQ(w.scheduler.waiting(), 1u);
  w.reads = [](const Id&) { return Outcome::ok; };
  w.pass(kTroubleDelay);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, AMessageThatVanishedIsForgotten) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive();
  w.disk.clear();
  w.pass(3600 * kSecond);
  EXPECT_EQ(w.scheduler.waiting(), 0u);
  EXPECT_FALSE(w.scheduler.knows(id));
}

TEST(Scheduler, AMoveThatACrashCutShortIsFinishedWithoutAnAttempt) {
  World w;
  const Id id = w.put(1);
  w.disk.at(id).state.next_us = w.now + 500 * kSecond;
  w.restart();
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
  EXPECT_THAT(w.attempts, IsEmpty());
  w.pass(500 * kSecond);
  EXPECT_EQ(w.attempts.size(), 1u);
}

TEST(Scheduler, AHeldMessageIsNotTried) {
  World w;
  const Id id = w.put(1);
  w.disk.at(id).held = true;
  w.restart();
  EXPECT_THAT(w.attempts, IsEmpty());
  EXPECT_TRUE(w.disk.contains(id));
}

// ---- schedule

TEST(Scheduler, SevenDaysOfRetriesEndInOneNotice) {
  World w;
  const Id id = w.put(1);
  w.deliver = [id](const Start& s) { return s.id == id ? 'Z' : 'K'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  w.until(kStart + 8 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_GT(w.attempts.size(), 70u);
  EXPECT_LT(w.attempts.size(), 81u);
  const Attempt& last = w.attempts[w.attempts.size() - 2];  // the last one is the notice's
  EXPECT_EQ(last.id, id);
  EXPECT_GT(last.at, kStart + 7 * 86400 * kSecond);
  EXPECT_LT(last.at, kStart + (7 * 86400 + 20000) * kSecond);
}

TEST(Scheduler, TheLastFailureSaysThatTheMessageWasTooLongInTheQueue) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write& a) {
    return a.then == Write::Then::remove ? Outcome::trouble : Outcome::ok;  // keep it to look at
  };
  const Id id = w.arrive();
  w.until(kStart + 8 * 86400 * kSecond);
  EXPECT_EQ(w.disk.at(id).state.recipients[0].text,
            "because\nnot tried again: the message has been in the queue too long (#4.4.7)");
}

TEST(Scheduler, RetryMakesOneOrAllDueNow) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id a = w.arrive();
  const Id b = w.arrive();
  w.deliver = [](const Start&) { return 'K'; };
  EXPECT_TRUE(w.scheduler.retry(a, w.now));
  w.run();
  EXPECT_FALSE(w.disk.contains(a));
  EXPECT_TRUE(w.disk.contains(b));
  EXPECT_FALSE(w.scheduler.retry(a, w.now));
  w.scheduler.retry_all(w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, RetryOfAMessageThatIsBeingTriedTriesItOnceMoreAfterwards) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive();
  EXPECT_TRUE(w.scheduler.retry(id, w.now));
  w.report(id, 'Z', "not yet");
  EXPECT_EQ(w.attempts.size(), 2u);
  w.report(id, 'Z', "not yet");
  EXPECT_EQ(w.attempts.size(), 2u);
}

TEST(Scheduler, ANextTimeAbsurdlyFarAheadIsPulledIn) {
  World w;
  const Id id = w.put(1, Place::deferred);
  w.disk.at(id).state.next_us = w.now + 400 * 86400 * kSecond;
  w.restart();
  EXPECT_EQ(Time{*w.scheduler.next_due_s()} * kSecond, w.now + kLongestWaitSeconds * kSecond);
  w.pass(kLongestWaitSeconds * kSecond);
  EXPECT_EQ(w.attempts.size(), 1u);
}

TEST(Scheduler, AClockSetBackByAYearDelaysNothingForAYear) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.arrive();
  const Time year = 365 * 86400 * kSecond;
  w.now -= year;
  w.scheduler.clock_stepped(-year, w.now);
  w.deliver = [](const Start&) { return 'K'; };
  w.pass(kLongestWaitSeconds * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
}

TEST(Scheduler, ThousandsOfMessagesAreAllDeliveredOnce) {
  World w;
  std::vector<Id> ids;
  for (int i = 0; i < 10'000; ++i) ids.push_back(w.put(1));
  for (const Id& id : ids) w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 10'000u);
}

TEST(Scheduler, ThousandsOfFailingMessagesEndInANoticeEach) {
  World w;
  std::mt19937 random(3);
  w.deliver = [&](const Start& s) {
    return w.disk.at(s.id).notice_about ? 'K' : "KZD"[random() % 3];
  };
  for (int i = 0; i < 2000; ++i) w.arrive(3);
  w.until(kStart + 9 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
  EXPECT_GT(w.failures.size(), 1000u);
  EXPECT_EQ(w.failures, w.tellings);
  EXPECT_EQ(w.scheduler.waiting(), 0u);
  EXPECT_EQ(w.scheduler.open(), 0u);
}

// ---- fairness and limits

TEST(Scheduler, NeverMoreDeliveriesThanSlots) {
  World w({.deliveries = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 20; ++i) w.arrive(5);
  EXPECT_EQ(w.running.size(), 3u);
  EXPECT_LE(w.scheduler.open(), 6u);  // and no more is read ahead than keeps them busy
}

TEST(Scheduler, FirstAttemptsAndRetriesEachGetHalfOfTheSlots) {
  World w({.deliveries = 10});
  w.deliver = [](const Start&) { return 'Z'; };
  for (int i = 0; i < 50; ++i) w.arrive();
  w.deliver = [](const Start&) { return std::nullopt; };
  w.scheduler.spawner_lost(w.now);
  w.scheduler.retry_all(w.now);
  for (int i = 0; i < 50; ++i) w.arrive();
  w.scheduler.spawner_up(w.now);
  w.run();
  int retries = 0;
  for (const auto& [slot, start] : w.running) {
    if (w.disk.at(start.id).state.attempts > 0) ++retries;
  }
  EXPECT_EQ(w.running.size(), 10u);
  EXPECT_EQ(retries, 5);
}

TEST(Scheduler, EitherMayHaveAllSlotsWhereTheOtherDoesNotWait) {
  World w({.deliveries = 4});
  w.deliver = [](const Start&) { return 'Z'; };
  for (int i = 0; i < 8; ++i) w.arrive();
  w.deliver = [](const Start&) { return std::nullopt; };
  w.scheduler.retry_all(w.now);
  w.run();
  EXPECT_EQ(w.running.size(), 4u);
}

TEST(Scheduler, ALongListTakesTurnsWithOtherMessages) {
  World w({.deliveries = 2});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id list = w.arrive(1000);
  const Id other = w.arrive(1);
  w.report(list, 'K', "");
  w.report(list, 'K', "");
  std::set<Id> now_running;
  for (const auto& [slot, start] : w.running) now_running.insert(start.id);
  EXPECT_TRUE(now_running.contains(other));
}

// ---- failures and notices

TEST(Scheduler, AFailureIsRecordedWithTheIntentThenReportedThenRecordedAsReported) {
  World w;
  const Id id = w.put(1);
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.writes.size(), 4u);  // both in one record's barrier; noticed; the two removals
  EXPECT_EQ(w.writes[0].events->at(0).kind, Kind::failed);
  EXPECT_EQ(w.writes[0].events->at(1).kind, Kind::intent);
  EXPECT_EQ(w.writes[1].events->at(0).kind, Kind::noticed);
  EXPECT_EQ(w.writes[1].events->at(0).notice, w.notices[0]);
  EXPECT_THAT(w.log, Contains("bounce msg " + id.text() + " qp " + w.notices[0].text()));
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, ANoticeIsNotTriedBeforeItIsRecordedAsQueued) {
  World w;
  const Id id = w.put(1);
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.disk_does = [](const Write& a) {
    return !a.events->empty() && a.events->front().kind == Kind::noticed ? Outcome::trouble
                                                                         : Outcome::ok;
  };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.notices.size(), 1u);
  w.scheduler.arrived(w.notices[0], w.now);  // a scan finds it
  w.run();
  EXPECT_EQ(w.attempts.size(), 1u);
  w.disk_does = [](const Write&) { return Outcome::ok; };
  w.pass(kTroubleDelay);
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, OneNoticeForAllThatFailedWhenAllHaveBeenTried) {
  World w({.deliveries = 2});
  const Id id = w.put(6);
  w.deliver = [id](const Start& s) { return s.id != id ? 'K' : s.recipient % 2 == 0 ? 'D' : 'Z'; };
  w.scheduler.arrived(id, w.now);
  w.run();
  ASSERT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(0u, 2u, 4u));
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
}

TEST(Scheduler, AFailureIsReportedAfterFiveMinutesThoughAnotherDeliveryStillRuns) {
  World w;
  const Id id = w.put(2);
  w.deliver = [id](const Start& s) -> std::optional<char> {
    if (s.id != id) return 'K';
    return s.recipient == 0 ? std::optional('D') : std::nullopt;
  };
  w.scheduler.arrived(id, w.now);
  w.run();
  w.pass(kNoticeDelay - kSecond);
  EXPECT_THAT(w.notices, IsEmpty());
  w.pass(kSecond);
  EXPECT_EQ(w.notices.size(), 1u);
  w.report(id, 'K', "");
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 1u);
}

TEST(Scheduler, ARecipientWithoutARouteFailsWithoutASlot) {
  World w;
  const Id id = w.put(2);
  w.disk.at(id).unroutable = {1};
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(1u));
  EXPECT_THAT(w.of_log("remote x@far"),
              ElementsAre("starting delivery 1: msg " + id.text() + " to remote x@far"));
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, FailuresOfTheDoubleBounceSenderAreDiscardedWithALine) {
  World w;
  w.deliver = [](const Start&) { return 'D'; };
  const Id id = w.put(1);
  w.disk.at(id).reports = false;
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.notices, IsEmpty());
  EXPECT_TRUE(w.disk.empty());
  EXPECT_THAT(w.log, Contains("triple bounce: discarding " + id.text()));
}

TEST(Scheduler, ANoticeThatCannotBeQueuedKeepsTheMessageAndIsTriedAgainUnderItsId) {
  World w;
  const Id id = w.put(1);
  std::vector<Id> asked;
  w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
  w.bounce = [&](const QueueNotice& a) {
    asked.push_back(a.id);
    return asked.size() > 2;
  };
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_TRUE(w.disk.contains(id));
  EXPECT_TRUE(w.scheduler.idle(w.now));
  w.pass(3 * kTroubleDelay);
  EXPECT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0], asked[2]);
  EXPECT_EQ(w.notices.size(), 1u);
  EXPECT_TRUE(w.disk.empty());
}

TEST(Scheduler, NoMoreNoticesAreQueuedAtOnceThanTheLimit) {
  // The world's bounce answers at once; this one waits.
  std::vector<QueueNotice> asked;
  Scheduler s({.deliveries = 10, .notices = 2}, 1);
  s.spawner_up(kStart);
  for (int i = 0; i < 5; ++i) s.arrived(Id::make(kStart, static_cast<std::uint64_t>(i)), kStart);
  Loaded l;
  l.arrival = kStart;
  l.recipients = {Loaded::Recipient::failed};
  const auto step = [&] {
    for (const Action& action : s.take()) {
      if (const auto* load = std::get_if<Load>(&action)) s.loaded(load->id, l, kStart);
      if (const auto* write = std::get_if<Write>(&action))
        s.written(write->id, Outcome::ok, kStart);
      if (const auto* notice = std::get_if<QueueNotice>(&action)) asked.push_back(*notice);
    }
  };
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_FALSE(s.wake().has_value() && *s.wake() <= kStart);
  s.notice_done(asked[0].about, true, kStart);
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(asked.size(), 3u);
}

// ---- crashes at every point of a notice's life

TEST(Scheduler, ACrashAnywhereLosesNoNoticeAndQueuesNoneTwice) {
  for (int crash_at = 0; crash_at < 8; ++crash_at) {
    World w;
    const Id id = w.put(2);
    w.deliver = [id](const Start& s) { return s.id == id ? 'D' : 'K'; };
    int steps = 0;
    bool dead = false;
    const auto alive = [&] {
      if (steps++ == crash_at) dead = true;
      return !dead;
    };
    w.disk_does = [&](const Write&) { return alive() ? Outcome::ok : Outcome::trouble; };
    w.bounce = [&](const QueueNotice&) { return alive(); };
    w.scheduler.arrived(id, w.now);
    w.run();
    w.disk_does = [](const Write&) { return Outcome::ok; };
    w.bounce = [](const QueueNotice&) { return true; };
    w.restart();
    w.pass(3600 * kSecond);
    EXPECT_TRUE(w.disk.empty()) << crash_at;
    EXPECT_EQ(w.notices.size(), 1u) << crash_at;
  }
}

// The intent is on disk and so is the notice, but not that it is queued: the notice, found first,
// waits for the message it is about.
TEST(Scheduler, ANoticeFoundByAScanWaitsUntilItsIntentIsClosed) {
  World w;
  const Id id = w.put(1, Place::deferred);
  const Id notice = Id::make(w.now + 1, 9);
  Sim& about = w.disk.at(id);
  about.state.recipients[0].status = queue::State::Status::failed;
  about.state.recipients[0].noticed = true;
  about.state.open_intents[notice] = {0};
  about.state.next_us = w.now + 5000 * kSecond;
  Sim sim;
  sim.state.recipients.resize(1);
  sim.notice_about = id;
  w.disk[notice] = sim;
  w.scheduler.arrived(notice, w.now);  // the message itself is not known yet
  w.run();
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.attempts.size(), 1u);
  ASSERT_EQ(w.writes.size(), 3u);
  EXPECT_EQ(w.writes[0].id, id);
  EXPECT_EQ(w.writes[0].events->at(0).kind, Kind::noticed);
  EXPECT_THAT(w.notices, IsEmpty());  // not queued a second time
}

// ---- the spawner and the end

TEST(Scheduler, LosingTheSpawnerDefersWhatRuns) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive(2);
  w.running.clear();
  w.scheduler.spawner_lost(w.now);
  w.run();
  EXPECT_EQ(w.disk.at(id).state.recipients[1].text,
            "the spawner ended while this delivery ran (#4.3.0)");
  EXPECT_EQ(w.disk.at(id).place, Place::deferred);
}

TEST(Scheduler, StopWaitsForWhatRunsAndRecordsIt) {
  World w({.deliveries = 2});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.arrive(3);
  w.scheduler.stop(w.now);
  w.run();
  EXPECT_FALSE(w.scheduler.stopped());
  w.report(id, 'K', "");
  w.report(id, 'D', "never");
  EXPECT_TRUE(w.scheduler.stopped());
  const auto& state = w.disk.at(id).state;
  EXPECT_EQ(state.recipients[0].status, queue::State::Status::delivered);
  EXPECT_EQ(state.recipients[1].status, queue::State::Status::failed);
  EXPECT_EQ(state.recipients[2].status, queue::State::Status::waiting);
  EXPECT_EQ(w.disk.at(id).place, Place::incoming);
  w.deliver = [](const Start&) { return 'K'; };
  w.restart();
  EXPECT_TRUE(w.disk.empty());
  EXPECT_EQ(w.notices.size(), 1u);
}

TEST(Scheduler, StopStartsNothingNew) {
  World w;
  w.scheduler.stop(w.now);
  w.arrive();
  EXPECT_THAT(w.attempts, IsEmpty());
  EXPECT_TRUE(w.scheduler.stopped());
}

TEST(Scheduler, StopDoesNotWaitForADiskThatFails) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  w.disk_does = [](const Write&) { return Outcome::trouble; };
  w.arrive();
  w.scheduler.stop(w.now);
  EXPECT_TRUE(w.scheduler.stopped());
}

// ---- a month of everything

// Random letters, failing disks, crashes and clock steps. World checks at each start that no
// recorded end is tried again; here: everything ends, and each failure was told once.
TEST(Scheduler, AMonthOfTroubleKeepsEveryPromise) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    World w({.deliveries = 5, .notices = 2});
    bool calm = false;
    w.deliver = [&](const Start& s) -> std::optional<char> {
      if (w.disk.at(s.id).notice_about) return 'K';
      if (!calm && random() % 20 == 0) return std::nullopt;
      return "KKZZZD"[random() % 6];
    };
    w.disk_does = [&](const Write&) {
      return !calm && random() % 10 == 0 ? Outcome::trouble : Outcome::ok;
    };
    w.bounce = [&](const QueueNotice&) { return calm || random() % 4 != 0; };
    for (int step = 0; step < 300; ++step) {
      switch (random() % 8) {
        case 0:
          w.restart();
          break;
        case 1:
          w.scheduler.retry_all(w.now);
          w.run();
          break;
        case 2:
          w.running.clear();
          w.scheduler.spawner_lost(w.now);
          w.scheduler.spawner_up(w.now);
          w.run();
          break;
        default:
          w.arrive(random() % 4 + 1);
      }
      w.pass(static_cast<Time>(random() % 7200) * kSecond);
    }
    calm = true;
    w.restart();
    w.pass(10 * 86400 * kSecond);
    EXPECT_TRUE(w.disk.empty()) << "seed " << seed << ": " << w.disk.size() << " left";
    EXPECT_EQ(w.failures, w.tellings) << "seed " << seed;
    EXPECT_EQ(w.scheduler.waiting() + w.scheduler.open(), 0u) << "seed " << seed;
  }
}

// ---- the watched message

TEST(Scheduler, OfTheWatchedMessageEachAttemptIsTold) {
  World w;
  w.deliver = [](const Start& s) { return "KZDK"[s.recipient]; };
  const Id id = w.put(4);
  w.disk.at(id).unroutable.insert(3);
  w.scheduler.watch(id);
  w.arrive();
  EXPECT_THAT(w.tellings_of_watched, IsEmpty());
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.tellings_of_watched,
              ElementsAre("3 D no route (#5.1.2)", "0 K did 1+0+0", "1 Z because", "2 D because"));
}

TEST(Scheduler, ADeferralOfTheLastAttemptIsToldAsTheFailureItIs) {
  World w({.lifetime_s = 0});
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.put(1);
  w.pass(2 * kSecond);
  w.scheduler.watch(id);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_THAT(w.tellings_of_watched, ElementsAre("0 D because"));
}

// ---- two channels

std::size_t count_of(const World& w, Channel channel) {
  return static_cast<std::size_t>(std::ranges::count_if(
      w.running, [channel](const auto& r) { return r.second.channel == channel; }));
}

TEST(SchedulerChannels, EachHasItsOwnSlots) {
  World w({.deliveries = 2, .remote = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id id = w.put(10);
  for (std::uint32_t i = 0; i < 5; ++i) w.disk.at(id).elsewhere.insert(i);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(count_of(w, Channel::local), 2u);
  EXPECT_EQ(count_of(w, Channel::remote), 3u);
  EXPECT_THAT(w.log, Contains("status: local 2/2 remote 3/3"));
}

TEST(SchedulerChannels, ADeadNetworkHoldsUpNoLocalMail) {
  World w({.deliveries = 2, .remote = 3, .open_per_class = 10});
  w.deliver = [](const Start& s) {
    return s.channel == Channel::remote ? std::nullopt : std::optional('K');
  };
  for (int i = 0; i < 500; ++i) w.arrive_for_elsewhere();
  EXPECT_EQ(count_of(w, Channel::remote), 3u);
  EXPECT_LE(w.scheduler.open(), 10u);
  w.pass(60 * kSecond);
  const Id local = w.arrive();
  EXPECT_FALSE(w.disk.contains(local)) << "it had to wait";
  EXPECT_EQ(w.disk.size(), 500u);
  EXPECT_FALSE(w.scheduler.idle(w.now));
}

TEST(SchedulerChannels, NorDoMessagesForBothWhoseLocalPartIsDone) {
  World w({.deliveries = 2, .remote = 3, .open_per_class = 10});
  w.deliver = [](const Start& s) {
    return s.channel == Channel::remote ? std::nullopt : std::optional('K');
  };
  std::vector<Id> mixed;
  for (int i = 0; i < 100; ++i) {
    mixed.push_back(w.put(2));
    w.disk.at(mixed.back()).elsewhere.insert(1);
    w.scheduler.arrived(mixed.back(), w.now);
    w.run();
  }
  w.pass(60 * kSecond);
  for (const Id& id : mixed) {
    const bool runs = std::ranges::any_of(w.running, [&](auto& r) { return r.second.id == id; });
    const auto& status = w.disk.at(id).state.recipients[0].status;
    EXPECT_TRUE(runs || status == queue::State::Status::delivered) << "not tried, or not recorded";
  }
  const Id local = w.arrive();
  EXPECT_FALSE(w.disk.contains(local));
  w.restart();  // World fails where one that is done is tried again
}

TEST(SchedulerChannels, WhatIsParkedTakesItsTurnsInOrder) {
  World w({.deliveries = 2, .remote = 3, .open_per_class = 10});
  w.deliver = [](const Start&) { return std::nullopt; };
  std::vector<Id> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(w.arrive_for_elsewhere());
  w.pass(kSecond);
  for (std::size_t n = 0; !w.running.empty(); ++n) {
    ASSERT_LT(n, 200u);
    const Id id = w.running.begin()->second.id;
    w.report(id, 'K', "sent");
    w.pass(kSecond);
  }
  EXPECT_TRUE(w.disk.empty());
  ASSERT_EQ(w.attempts.size(), 200u);
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(w.attempts[i].id, ids[i]) << i;
  EXPECT_TRUE(w.scheduler.idle(w.now));
  EXPECT_EQ(w.scheduler.waiting(), 0u);
}

TEST(SchedulerChannels, NotMoreIsReadAtOnceThanAFewParkedOnes) {
  World w({.deliveries = 2, .remote = 1});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 10 * static_cast<int>(kParkedInARow); ++i) {
    const Id id = w.put(1, Place::deferred);
    w.disk.at(id).elsewhere.insert(0);
    w.scheduler.found(id, 0, w.now);
  }
  w.run();
  EXPECT_LE(w.loads, kParkedInARow + 15);
  ASSERT_TRUE(w.scheduler.wake());
  EXPECT_EQ(*w.scheduler.wake(), w.now + kRest[1]);
  w.pass(kSecond);
  EXPECT_GE(w.loads, 10 * kParkedInARow);
}

TEST(SchedulerChannels, ABurstOfLocalMailIsReadOnce) {
  World w({.deliveries = 2, .remote = 3});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 5000; ++i) w.arrive();
  w.pass(kSecond);
  EXPECT_LE(w.loads, 4 * kParkedInARow);
  const Id far = w.put(1, Place::deferred);
  w.disk.at(far).elsewhere.insert(0);
  w.scheduler.found(far, 0, w.now);  // and a retry is another class
  w.pass(2 * kSecond);
  EXPECT_EQ(count_of(w, Channel::remote), 1u);
}

TEST(SchedulerChannels, AParkedMessageIsKnownAndCounted) {
  World w({.deliveries = 1, .remote = 1});
  w.deliver = [](const Start&) { return std::nullopt; };
  for (int i = 0; i < 3; ++i) w.arrive_for_elsewhere();
  const Id last = w.arrive_for_elsewhere();
  w.pass(kSecond);
  EXPECT_EQ(w.scheduler.waiting() + w.scheduler.open(), 4u);
  EXPECT_TRUE(w.scheduler.knows(last));
  EXPECT_TRUE(w.scheduler.retry(last, w.now));
  w.scheduler.arrived(last, w.now);
  w.scheduler.retry_all(w.now);
  w.run();
  EXPECT_EQ(w.scheduler.waiting() + w.scheduler.open(), 4u);
}

TEST(SchedulerChannels, WhatIsParkedIsLeftAtTheEnd) {
  World w({.deliveries = 1, .remote = 1});
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id first = w.arrive_for_elsewhere();
  for (int i = 0; i < 5; ++i) w.arrive_for_elsewhere();
  w.pass(kSecond);
  w.scheduler.stop(w.now);
  w.run();
  w.report(first, 'K', "sent");
  EXPECT_TRUE(w.scheduler.stopped());
  EXPECT_EQ(w.disk.size(), 5u);
}

TEST(SchedulerChannels, AHeldChannelTriesNothingAndTheOtherGoesOn) {
  World w({.deliveries = 2, .remote = 0});
  const Id held = w.arrive_for_elsewhere();
  const Id both = w.put(2);
  w.disk.at(both).elsewhere.insert(1);
  w.scheduler.arrived(both, w.now);
  w.run();
  w.arrive();
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_EQ(w.disk.at(both).state.recipients[0].status, queue::State::Status::delivered);
  EXPECT_EQ(w.disk.at(held).place, Place::incoming);
  EXPECT_TRUE(w.scheduler.idle(w.now));
  w.pass(3600 * kSecond);
  EXPECT_EQ(w.attempts.size(), 2u);
  EXPECT_EQ(w.disk.at(held).state.attempts, 0u);
  EXPECT_LE(w.loads, 5u);  // it does not turn in circles
}

TEST(SchedulerChannels, HoldingLocalMailHoldsNoneForElsewhere) {
  World w({.deliveries = 0, .remote = 2});
  const Id local = w.arrive();
  w.arrive_for_elsewhere();
  EXPECT_EQ(w.attempts.size(), 1u);
  EXPECT_EQ(w.disk.size(), 1u);
  EXPECT_EQ(w.disk.at(local).place, Place::incoming);
  EXPECT_TRUE(w.scheduler.idle(w.now));
}

TEST(SchedulerChannels, MailForElsewhereIsTriedLessOften) {
  World w;
  w.deliver = [](const Start&) { return 'Z'; };
  const Id id = w.arrive_for_elsewhere();
  EXPECT_GE(w.disk.at(id).state.next_us, kStart + 400 * kSecond);
  EXPECT_LE(w.disk.at(id).state.next_us, kStart + 426 * kSecond);
  const Id both = w.put(2);
  w.disk.at(both).elsewhere.insert(1);
  w.scheduler.arrived(both, w.now);
  w.run();
  EXPECT_LE(w.disk.at(both).state.next_us, kStart + 107 * kSecond);
}

TEST(SchedulerChannels, AWeekWithoutANetworkReturnsTheMessageOnce) {
  World w;
  w.deliver = [](const Start& s) {
    return s.channel == Channel::remote ? std::optional('Z') : std::optional('K');
  };
  const Id id = w.arrive_for_elsewhere(2);
  w.pass(6 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.contains(id));
  EXPECT_THAT(w.notices, IsEmpty());
  w.pass(3 * 86400 * kSecond);
  EXPECT_TRUE(w.disk.empty());
  ASSERT_EQ(w.notices.size(), 1u);
  EXPECT_THAT(w.told.at(w.notices[0]), ElementsAre(0u, 1u));
}

TEST(SchedulerChannels, ARefusedRecipientFailsAlsoWhereItsChannelIsHeld) {
  World w({.remote = 0});
  const Id id = w.put(1);
  w.disk.at(id).elsewhere.insert(0);
  w.disk.at(id).unroutable.insert(0);
  w.scheduler.arrived(id, w.now);
  w.run();
  EXPECT_EQ(w.notices.size(), 1u);
}

TEST(SchedulerChannels, ALostSpawnerDefersBoth) {
  World w;
  w.deliver = [](const Start&) { return std::nullopt; };
  const Id here = w.arrive();
  const Id far = w.arrive_for_elsewhere();
  w.running.clear();
  w.scheduler.spawner_lost(w.now);
  w.run();
  for (const Id& id : {here, far}) {
    EXPECT_THAT(w.disk.at(id).state.recipients[0].text, HasSubstr("the spawner ended"));
  }
}

}  // namespace
}  // namespace porpoise::send
