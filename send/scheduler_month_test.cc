// Simulated months: random letters, hosts that come and go, failing disks, crashes, lost spawners,
// clocks that jump by years, suspends, other limits and people who want it now; seeded. World
// checks at each start that no recorded end is tried again and that no limit is exceeded; here: no
// attempt comes before its time unless somebody or something asked for it, every recipient ends
// once, each failure is told once, and in the end nothing is left.

#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include <gtest/gtest-spi.h>

#include "send/simulator.h"

namespace porpoise::send {
namespace {

constexpr Time kDay = 86400 * kSecond;
constexpr Time kYear = 365 * kDay;
constexpr int kSteps = 150;
// One sanitized month takes twenty times as long as another.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PORPOISE_SANITIZED
#endif
#endif
#ifdef PORPOISE_SANITIZED
constexpr unsigned kMonths = 6;
#else
constexpr unsigned kMonths = 20;
#endif
constexpr Time kMostBetween = 30 * kDay / kSteps * 2;

class Month {
 public:
  explicit Month(unsigned seed) : random_(seed), seed_(seed) {
    w_.deliver = [this](const Start& s) { return deliver(s); };
    w_.rule = [this](const Start& s) { return rule(s); };
    w_.disk_does = [this](const Write& a) { return disk(a); };
    w_.bounce = [this](const QueueNotice&) { return calm_ || chance(4) != 0; };
    w_.keeps_log = false;
    w_.reads = [this](const Id& id) { return read(id); };
  }

  World& world() { return w_; }

  void run() {
    for (int step = 0; step < kSteps; ++step) {
      something();
      end_slow_readings();
      w_.pass(static_cast<Time>(random_() % static_cast<std::uint64_t>(kMostBetween)));
      if (testing::Test::HasFatalFailure()) return;
    }
    calm_ = true;
    w_.promised.reset();
    w_.scheduler.limit({}, w_.now);
    w_.restart();
    w_.pass(12 * kDay);
    EXPECT_TRUE(w_.disk.empty()) << "seed " << seed_ << ": " << w_.disk.size() << " left";
    EXPECT_TRUE(w_.failures == w_.tellings) << "seed " << seed_ << ": failures told wrongly";
    EXPECT_EQ(w_.scheduler.waiting() + w_.scheduler.open(), 0u) << "seed " << seed_;
    for (const auto& [who, ends] : w_.ends) EXPECT_EQ(ends, 1) << "seed " << seed_ << ": ends";
    EXPECT_TRUE(w_.scheduler.idle(w_.now)) << "seed " << seed_;
  }

  std::size_t attempts() const { return w_.attempts.size(); }
  std::size_t steps() const { return w_.steps; }

 private:
  std::uint64_t chance(std::uint64_t of) { return random_() % of; }

  void something() {
    switch (chance(16)) {
      case 0:
        return w_.restart();
      case 1:
        forgive_all();
        w_.scheduler.retry_all(w_.now);
        return w_.run();
      case 2:
        w_.running.clear();
        w_.scheduler.spawner_lost(w_.now);
        w_.scheduler.spawner_up(w_.now);
        return w_.run();
      case 3:
        return ask_for_one();
      case 4:
        return step_the_clock();
      case 5:
        w_.now += static_cast<Time>(chance(3)) * kDay;  // suspended
        w_.scheduler.tick(w_.now);
        return w_.run();
      case 6:
        w_.scheduler.limit({.deliveries = static_cast<std::uint32_t>(chance(5)),
                            .remote = static_cast<std::uint32_t>(1 + chance(5)),
                            .per_recipient = static_cast<std::uint32_t>(1 + chance(3)),
                            .per_host = static_cast<std::uint32_t>(1 + chance(3)),
                            .open_per_class = 4 + chance(20),
                            .notices = 1 + chance(3)},
                           w_.now);
        forgive_all();  // what a channel held is due
        return w_.run();
      default:
        arrive();
    }
  }

  void arrive() {
    for (std::uint64_t n = chance(4) + 1; n > 0; --n) {
      const Id id = w_.put(static_cast<std::uint32_t>(chance(4) + 1));
      Sim& sim = w_.disk.at(id);
      for (std::uint32_t i = 0; i < sim.state.recipients.size(); ++i) {
        const std::uint64_t to = chance(8);
        sim.to[i] = (to + 10) << 32;
        if (to >= 4) sim.elsewhere.insert(i);
        if (to % 4 == 3) sim.untold.insert(i);
      }
      w_.scheduler.arrived(id, w_.now);
    }
    w_.run();
  }

  void ask_for_one() {
    if (w_.disk.empty()) return;
    auto one = w_.disk.begin();
    std::advance(one, static_cast<std::ptrdiff_t>(chance(w_.disk.size())));
    forgiven_[one->first] = w_.now;
    w_.scheduler.retry(one->first, w_.now);
    w_.run();
  }

  void step_the_clock() {
    const Time by = static_cast<Time>(chance(2 * kYear)) - kYear;
    w_.now += by;
    for (auto& [id, at] : forgiven_) at += by;
    for (auto& [to, at] : well_) at += by;
    for (auto& [id, at] : begun_) at += by;
    for (auto& [id, at] : opened_) at += by;
    forgive_all();
    w_.scheduler.clock_stepped(by, w_.now);
    w_.run();
  }

  void forgive_all() { all_forgiven_ = w_.now; }

  /// When something made it due, at the latest.
  Time forgiven(const Id& id, const Sim& sim) const {
    Time at = all_forgiven_;
    if (const auto own = forgiven_.find(id); own != forgiven_.end()) at = std::max(at, own->second);
    for (const auto& [i, to] : sim.to) {
      if (const auto well = well_.find(to); well != well_.end()) at = std::max(at, well->second);
    }
    return at;
  }

  // Some readings fail, and some last for a day.
  std::optional<Outcome> read(const Id& id) {
    opened_[id] = w_.now;
    if (!calm_ && chance(200) == 0) return Outcome::trouble;
    if (calm_ || chance(100) != 0) return Outcome::ok;
    slow_.emplace_back(w_.now + kDay, id);
    return std::nullopt;
  }
  void end_slow_readings() {
    for (const auto& [until, id] : std::exchange(slow_, {})) {
      if (until > w_.now && !calm_) {
        slow_.emplace_back(until, id);
      } else if (w_.scheduler.reads(id)) {
        opened_[id] = w_.now;
        w_.read_at_last(id);
      }
    }
  }

  Outcome disk(const Write& a) {
    if (!calm_ && chance(10) == 0) return Outcome::trouble;
    if (a.then == Write::Then::remove) forgiven_.erase(a.id);
    return Outcome::ok;
  }

  Ruling rule(const Start& s) {
    const bool remote = s.channel == Channel::remote;
    return {.about_destination = chance(3) != 0,
            .unreachable = remote && chance(2) == 0,
            .error = static_cast<std::uint32_t>(1 + chance(2)),
            .name = "x"};
  }

  std::optional<char> deliver(const Start& s) {
    const Sim& sim = w_.disk.at(s.id);
    if (sim.notice_about) return 'K';
    check_time(s, sim);
    begun_[{s.id, s.recipient}] = opened_[s.id];
    if (!calm_ && chance(20) == 0) return std::nullopt;
    const char letter = calm_ ? 'K' : "KZZZZD"[chance(6)];
    if (letter == 'K') well_[sim.to.at(s.recipient)] = w_.now;  // what waits there is due
    return letter;
  }

  void check_time(const Start& s, const Sim& sim) const {
    const auto& r = sim.state.recipients[s.recipient];
    if (r.attempts == 0) return;
    mail::RetryPlan plan;
    if (s.channel == Channel::remote) plan.step = mail::kRetryStepRemote;
    const Time due = plan.next(sim.arrival / kSecond, r.last_us / kSecond, r.attempts) * kSecond;
    const Time at = forgiven(s.id, sim);
    const auto begun = begun_.find({s.id, s.recipient});
    const bool asked = begun != begun_.end() && at + 10 * kSecond >= begun->second;
    const bool wrong_clock = due > w_.now + kDay || r.last_us > w_.now;
    EXPECT_TRUE(due <= w_.now || asked || wrong_clock)
        << "seed " << seed_ << ": " << (due - w_.now) / kSecond << " s too early; age "
        << (w_.now - sim.arrival) / kSecond << " s, last attempt " << (w_.now - r.last_us) / kSecond
        << " s ago, attempts " << r.attempts << ", asked " << (w_.now - at) / kSecond
        << " s ago, opened before that "
        << (begun == begun_.end() ? -1 : (w_.now - begun->second) / kSecond) << " s ago";
  }

  std::mt19937_64 random_;
  unsigned seed_;
  World w_{Limits{.deliveries = 5, .remote = 4, .per_recipient = 2, .per_host = 2, .notices = 2}};
  bool calm_ = false;
  // When something made it due: all, one, or what is for a destination.
  Time all_forgiven_ = 0;
  std::map<Id, Time> forgiven_;
  std::map<Destination, Time> well_;
  std::map<std::pair<Id, std::uint32_t>, Time> begun_;  // the last attempt's opening
  std::map<Id, Time> opened_;
  std::vector<std::pair<Time, Id>> slow_;  // being read
};

/// PORPOISE_MONTHS=N: seeds 1 to N; M-N: those.
std::pair<unsigned, unsigned> seeds() {
  const char* wanted = std::getenv("PORPOISE_MONTHS");
  if (wanted == nullptr) return {1, kMonths};
  const std::string_view text = wanted;
  const auto number = [](std::string_view digits) {
    unsigned n = 0;
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), n);
    return n;
  };
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {1, number(text)};
  return {number(text.substr(0, dash)), number(text.substr(dash + 1))};
}

TEST(Scheduler, SimulatedMonthsKeepEveryPromise) {
  const auto [first, last] = seeds();
  std::size_t attempts = 0;
  std::size_t steps = 0;
  for (unsigned seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    Month month(seed);
    month.run();
    attempts += month.attempts();
    steps += month.steps();
  }
  EXPECT_GT(attempts, (last - first + 1) * 300u);
  RecordProperty("attempts", std::to_string(attempts));
  RecordProperty("steps", std::to_string(steps));
}

// ---- would they find a scheduler that does not?

/// What some months say of a scheduler with this bug.
std::string found(const std::function<void(World&)>& plant) {
  std::string said;
  for (unsigned seed = 1; seed <= 5 && said.empty(); ++seed) {
    testing::TestPartResultArray results;
    using Reporter = testing::ScopedFakeTestPartResultReporter;
    const Reporter reporter(Reporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    Month month(seed);
    plant(month.world());
    try {
      month.run();
    } catch (const std::out_of_range&) {  // something was wanted of a message that is gone
      said += "gone";
    }
    for (int i = 0; i < results.size(); ++i) said += results.GetTestPartResult(i).message();
  }
  return said;
}

auto now_and_then() {
  return [n = 0]() mutable { return ++n % 20 == 0; };
}

using ::testing::HasSubstr;

TEST(SchedulerMonths, FindNothingWhereNothingIsPlanted) {
  EXPECT_EQ(found([](World&) {}), "");
}

TEST(SchedulerMonths, FindARecordThatIsTakenForWrittenAndIsNot) {
  const std::string said = found([](World& w) {
    w.spoil_action = [&w, sometimes = now_and_then()](Action& action) mutable {
      const auto* write = std::get_if<Write>(&action);
      if (write == nullptr || write->then == Write::Then::remove || !sometimes()) return false;
      w.scheduler.written(write->id, Outcome::ok, w.now);
      return true;
    };
  });
  EXPECT_THAT(said, ::testing::AnyOf(HasSubstr("ends"), HasSubstr("failures told wrongly"),
                                     HasSubstr("without a recorded intent"), HasSubstr("attempt")));
}

TEST(SchedulerMonths, FindANoticeThatIsTakenForQueuedAndIsNot) {
  const std::string said = found([](World& w) {
    w.spoil_action = [&w](Action& action) {
      const auto* notice = std::get_if<QueueNotice>(&action);
      if (notice == nullptr) return false;
      w.scheduler.notice_done(notice->about, true, w.now);
      return true;
    };
  });
  EXPECT_THAT(said, HasSubstr("failures told wrongly"));
}

TEST(SchedulerMonths, FindANoticeAboutSomebodyWhoWantsNone) {
  const std::string said = found([](World& w) {
    w.spoil_reading = [](Loaded& l) {
      for (Loaded::Waiting& waiting : l.waiting) waiting.reports = true;
    };
  });
  EXPECT_THAT(said, HasSubstr("failures told wrongly"));
}

TEST(SchedulerMonths, FindARecipientWhoseEndIsForgotten) {
  const std::string said = found([](World& w) {
    w.spoil_reading = [](Loaded& l) {
      for (auto& recipient : l.recipients) {
        if (recipient == Loaded::Recipient::done) recipient = Loaded::Recipient::waiting;
      }
    };
  });
  EXPECT_THAT(said, HasSubstr("tried again after its end"));
}

TEST(SchedulerMonths, FindARetryThatComesTooEarly) {
  const std::string said = found([](World& w) {
    w.spoil_reading = [](Loaded& l) {
      l.next = 0;
      for (Loaded::Waiting& waiting : l.waiting) waiting.due = 0;
    };
    w.spoil_action = [&w, sometimes = now_and_then()](Action& action) mutable {
      const auto* close = std::get_if<Close>(&action);
      if (close != nullptr && sometimes()) w.scheduler.retry(close->id, w.now);
      return false;
    };
  });
  EXPECT_THAT(said, HasSubstr("s too early"));
}

TEST(SchedulerMonths, FindMoreDeliveriesAtOnceThanAllowed) {
  const std::string said = found([](World& w) {
    Limits fewer = w.scheduler.limits();
    fewer.per_host = 1;
    w.promised = fewer;
  });
  EXPECT_THAT(said, HasSubstr("deliveries at once"));
}

TEST(SchedulerMonths, FindAMessageThatIsForgotten) {
  const std::string said = found([](World& w) {
    w.spoil_action = [sometimes = now_and_then()](Action& action) mutable {
      return std::holds_alternative<Load>(action) && sometimes();
    };
  });
  EXPECT_THAT(said, HasSubstr(" left"));
}

TEST(SchedulerMonths, FindAFailureThatIsNeverTold) {
  const std::string said =
      found([](World& w) { w.spoil_reading = [](Loaded& l) { l.reports = false; }; });
  EXPECT_THAT(said, HasSubstr("failures told wrongly"));
}

}  // namespace
}  // namespace porpoise::send
