// Simulated months: random letters, hosts that come and go, failing disks, crashes, lost spawners,
// clocks that jump by years, suspends, other limits and people who want it now; seeded. World
// checks at each start that no recorded end is tried again and that no limit is exceeded; here: no
// attempt comes before its time unless somebody or something asked for it, every recipient ends
// once, each failure is told once, and in the end nothing is left.

#include <cstdlib>

#include "send/simulator.h"

namespace porpoise::send {
namespace {

constexpr Time kDay = 86400 * kSecond;
constexpr Time kYear = 365 * kDay;
constexpr int kSteps = 150;
constexpr Time kMostBetween = 30 * kDay / kSteps * 2;

class Month {
 public:
  explicit Month(unsigned seed) : random_(seed), seed_(seed) {
    w_.deliver = [this](const Start& s) { return deliver(s); };
    w_.rule = [this](const Start& s) { return rule(s); };
    w_.disk_does = [this](const Write& a) { return disk(a); };
    w_.bounce = [this](const QueueNotice&) { return calm_ || chance(4) != 0; };
    w_.reads = [this](const Id& id) {
      opened_[id] = w_.now;
      return !calm_ && chance(200) == 0 ? Outcome::trouble : Outcome::ok;
    };
  }

  void run() {
    for (int step = 0; step < kSteps; ++step) {
      something();
      w_.pass(static_cast<Time>(random_() % static_cast<std::uint64_t>(kMostBetween)));
      if (testing::Test::HasFatalFailure()) return;
    }
    calm_ = true;
    w_.scheduler.limit({}, w_.now);
    w_.restart();
    w_.pass(12 * kDay);
    EXPECT_TRUE(w_.disk.empty()) << "seed " << seed_ << ": " << w_.disk.size() << " left";
    EXPECT_EQ(w_.failures, w_.tellings) << "seed " << seed_;
    EXPECT_EQ(w_.scheduler.waiting() + w_.scheduler.open(), 0u) << "seed " << seed_;
    for (const auto& [who, ends] : w_.ends) EXPECT_EQ(ends, 1) << "seed " << seed_;
    EXPECT_TRUE(w_.scheduler.idle(w_.now)) << "seed " << seed_;
  }

  std::size_t attempts() const { return w_.attempts.size(); }

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
    for (auto& [id, at] : begun_) at += by;
    for (auto& [id, at] : opened_) at += by;
    forgive_all();
    w_.scheduler.clock_stepped(by, w_.now);
    w_.run();
  }

  void forgive_all() {
    for (const auto& [id, sim] : w_.disk) forgiven_[id] = w_.now;
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
    if (letter == 'K') {  // what waits there is due
      for (const auto& [id, other] : w_.disk) {
        for (const auto& [i, to] : other.to) {
          if (to == sim.to.at(s.recipient)) forgiven_[id] = w_.now;
        }
      }
    }
    return letter;
  }

  void check_time(const Start& s, const Sim& sim) const {
    const auto& r = sim.state.recipients[s.recipient];
    if (r.attempts == 0) return;
    mail::RetryPlan plan;
    if (s.channel == Channel::remote) plan.step = mail::kRetryStepRemote;
    const Time due = plan.next(sim.arrival / kSecond, r.last_us / kSecond, r.attempts) * kSecond;
    const auto forgiven = forgiven_.find(s.id);
    const auto begun = begun_.find({s.id, s.recipient});
    const bool asked = forgiven != forgiven_.end() && begun != begun_.end() &&
                       forgiven->second + 10 * kSecond >= begun->second;
    const bool wrong_clock = due > w_.now + kDay || r.last_us > w_.now;
    EXPECT_TRUE(due <= w_.now || asked || wrong_clock)
        << "seed " << seed_ << ": " << (due - w_.now) / kSecond << " s too early; age "
        << (w_.now - sim.arrival) / kSecond << " s, last attempt " << (w_.now - r.last_us) / kSecond
        << " s ago, attempts " << r.attempts << ", asked "
        << (forgiven == forgiven_.end() ? -1 : (w_.now - forgiven->second) / kSecond)
        << " s ago, opened before that "
        << (begun == begun_.end() ? -1 : (w_.now - begun->second) / kSecond) << " s ago";
  }

  std::mt19937_64 random_;
  unsigned seed_;
  World w_{Limits{.deliveries = 5, .remote = 4, .per_recipient = 2, .per_host = 2, .notices = 2}};
  bool calm_ = false;
  std::map<Id, Time> forgiven_;                         // when something made it due
  std::map<std::pair<Id, std::uint32_t>, Time> begun_;  // the last attempt's opening
  std::map<Id, Time> opened_;
};

TEST(Scheduler, SimulatedMonthsKeepEveryPromise) {
  const char* wanted = std::getenv("PORPOISE_MONTHS");
  const unsigned months = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 20;
  std::size_t attempts = 0;
  for (unsigned seed = 1; seed <= months && !testing::Test::HasFailure(); ++seed) {
    Month month(seed);
    month.run();
    attempts += month.attempts();
  }
  EXPECT_GT(attempts, months * 300u);
}

}  // namespace
}  // namespace porpoise::send
