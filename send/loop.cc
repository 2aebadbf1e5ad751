#include "send/loop.h"

#include <algorithm>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "instance/control.h"
#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"

namespace porpoise::send {
namespace {

using queue::Id;

constexpr std::int64_t kScanEvery = 1500 * kSecond;   // of incoming/, to be safe
constexpr std::int64_t kSpawnerPause = 10 * kSecond;  // between starts of a spawner that dies
constexpr std::int64_t kClockSlack = 2 * kSecond;     // a larger difference is a step
constexpr std::chrono::seconds kPatience(3);          // with a predecessor that is ending
constexpr std::int64_t kLongestPoll = 60 * kSecond;   // so that steps and suspends are seen

}  // namespace

Loop::Loop(const Instance& instance, const Options& options, queue::Spool spool, Settings settings)
    : instance_(instance),
      options_(options),
      log_(options.log, options.log_format),
      spool_(std::move(spool)),
      scheduler_(settings.limits(), posix::random_bits()),
      schedule_keeper_(posix::running_us()),
      settings_(std::move(settings)),
      seed_(posix::random_bits()) {}

Result<> Loop::start() {
  clock_offset_ = believed(posix::wall_us()) - posix::running_us();

  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGALRM, SIGHUP, SIGCHLD}) sigaddset(&set, s);
  (void)::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.open()) return posix::trouble(errno, "making a signalfd");

  Result<Trigger> trigger = Trigger::open(instance_);
  if (!trigger) return failed(trigger);
  trigger_ = std::move(*trigger);
  Result<ControlServer> control =
      options_.control_socket
          ? ControlServer::given(instance_, posix::UniqueFd(*options_.control_socket))
          : ControlServer::listen(instance_);
  if (!control) return failed(control);
  control_ = std::move(*control);
  Result<std::unique_ptr<Worker>> worker = Worker::start(instance_);
  if (!worker) return failed(worker);
  worker_ = std::move(*worker);
  Result<std::unique_ptr<Readers>> readers = Readers::start(instance_);
  if (!readers) return failed(readers);
  readers_ = std::move(*readers);

  Result<Spawner> spawner = options_.spawner_socket
                                ? Spawner::given(posix::UniqueFd(*options_.spawner_socket))
                                : Spawner::start(instance_);
  if (!spawner) return failed(spawner);
  spawner_ = std::move(*spawner);
  spawner_since_us_ = posix::running_us();

  retry_found_ = options_.retry_all;
  scheduler_.limit(settings_.limits(), now());  // it says the status
  if (options_.report) scheduler_.watch(options_.report->id);
  scheduler_.spawner_up(now());
  for (const Id& id : options_.retry) scheduler_.ask_for(id, now());
  worker_->post(ScanIncoming{});
  worker_->post(ScanDeferred{});
  next_scan_us_ = posix::running_us() + kScanEvery;
  return {};
}

int Loop::run() {
  for (;;) {
    perform();
    if (scheduler_.stopped() && bounces_.empty()) break;
    if (options_.once && may_leave()) {
      scheduler_.stop(now());
      continue;
    }
    log_.flush();
    turn();
  }
  if (deferred_read_) schedule_keeper_.at_stop(scheduler_, *worker_, options_.once);
  worker_->finish();
  take_answers();
  const std::optional<pid_t> child = spawner_ ? spawner_->child() : std::nullopt;
  spawner_.reset();
  if (child) (void)posix::wait_for(*child);  // it has nothing to finish any more
  log_.add(now(), {.event = "exit", .story = "status: exiting"});
  log_.flush();
  return exit_code_;
}

// The scheduler's clock: wall time, whose steps it is told of.
Time Loop::now() {
  const auto is_step = [](std::int64_t by) { return by > kClockSlack || by < -kClockSlack; };
  Time wall = believed(posix::wall_us());
  std::int64_t step = wall - posix::running_us() - clock_offset_;
  if (is_step(step)) {  // or else we slept, between these two
    wall = believed(posix::wall_us());
    step = wall - posix::running_us() - clock_offset_;
  }
  if (is_step(step)) {
    clock_offset_ += step;
    log_.add(wall, log_entry(fmt::format("warning: the clock was set by {} s", step / kSecond)));
    scheduler_.clock_stepped(step, wall);
  }
  return wall;
}

int Loop::milliseconds_to_wait() {
  const Time wall = now();
  const std::int64_t running = posix::running_us();
  std::int64_t wait = std::min(kLongestPoll, next_scan_us_ - running);
  if (const auto wake = scheduler_.wake()) wait = std::min(wait, *wake - wall);
  if (deferred_read_) wait = std::min(wait, schedule_keeper_.next_us() - running);
  if (!spawner_) wait = std::min(wait, spawner_at_us_ - running);
  return static_cast<int>(std::max<std::int64_t>(0, (wait + 999) / 1000));
}

void Loop::turn() {
  std::vector<pollfd> wanted;
  wanted.push_back({signals_.get(), POLLIN, 0});
  wanted.push_back({worker_->event(), POLLIN, 0});
  wanted.push_back({readers_->event(), POLLIN, 0});
  if (trigger_) wanted.push_back({trigger_->fd(), POLLIN, 0});
  if (spawner_) {
    const short events = spawner_->wants_room() ? POLLIN | POLLOUT : POLLIN;
    wanted.push_back({spawner_->socket(), events, 0});
  }
  control_->add_to(wanted);
  if (::poll(wanted.data(), wanted.size(), milliseconds_to_wait()) > 0) serve(wanted);

  const std::int64_t running = posix::running_us();
  if (!spawner_ && running >= spawner_at_us_) start_spawner();
  if (deferred_read_) schedule_keeper_.turn(scheduler_, *worker_, running);
  if (running >= next_scan_us_) {
    worker_->post(ScanIncoming{});
    next_scan_us_ = running + kScanEvery;
  }
  const auto wake = scheduler_.wake();
  if (wake && *wake <= now()) scheduler_.tick(now());
}

void Loop::serve(const std::vector<pollfd>& ready) {
  const auto happened = [&ready](int fd) {
    const auto at = std::ranges::find(ready, fd, &pollfd::fd);
    return at != ready.end() && at->revents != 0;
  };
  if (trigger_ && happened(trigger_->fd())) hear_trigger();
  if (spawner_ && happened(spawner_->socket())) hear_spawner();
  if (happened(worker_->event()) || happened(readers_->event())) take_answers();
  if (happened(signals_.get())) hear_signals();
  control_->serve(
      ready, [this](const auto& peer, std::string_view command) { return answer(peer, command); });
}

// ---- what happens outside

void Loop::hear_trigger() {
  const Trigger::Told told = trigger_->read();
  for (const Id& id : told.ids) scheduler_.arrived(id, now());
  if (told.scan) worker_->post(ScanIncoming{});
}

void Loop::hear_spawner() {
  if (Result<> sent = spawner_->flush(); !sent) return lose_spawner(sent.error());
  for (;;) {
    Result<std::optional<Spawner::Said>> said = spawner_->next();
    if (!said) return lose_spawner(said.error());
    if (!*said) return;
    if (const auto* note = std::get_if<spawn::DeliveryNote>(&**said)) {
      scheduler_.noted(note->slot, note->note, now());
    } else {
      const auto& report = std::get<spawn::DeliveryReport>(**said);
      scheduler_.reported(report.slot, report.letter, report.text, report.note, now(),
                          rule_on(report));
    }
  }
}

void Loop::lose_spawner(const Error& why) {
  log("alert: lost the spawner: " + why.text);
  spawner_.reset();
  scheduler_.spawner_lost(now());
  const std::int64_t running = posix::running_us();
  spawner_at_us_ = std::max(running, spawner_since_us_ + kSpawnerPause);
  if (!options_.spawner_socket) return;
  exit_code_ = 111;  // whoever started both starts both again
  scheduler_.stop(now());
}

void Loop::start_spawner() {
  if (scheduler_.stopping()) return;
  spawner_since_us_ = posix::running_us();
  Result<Spawner> spawner = Spawner::start(instance_);
  if (spawner) {
    spawner_ = std::move(*spawner);
    return scheduler_.spawner_up(now());
  }
  log("alert: " + spawner.error().text);
  spawner_at_us_ = posix::running_us() + kSpawnerPause;
  if (!options_.once) return;
  exit_code_ = 111;
  scheduler_.stop(now());
}

void Loop::hear_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
      case SIGCHLD:
        reap();
        break;
      case SIGALRM:
        (void)answer_retry("");
        break;
      case SIGHUP:
        reread_settings();
        break;
      default:
        scheduler_.stop(now());
    }
  }
}

void Loop::reap() {
  for (std::size_t i = bounces_.size(); i-- > 0;) {
    int status = 0;
    if (::waitpid(bounces_[i].child, &status, WNOHANG) != bounces_[i].child) continue;
    const Id about = bounces_[i].about;
    bounces_.erase(bounces_.begin() + static_cast<std::ptrdiff_t>(i));
    const posix::Ended ended = posix::ended(status);
    if (!ended.ok()) {
      log(fmt::format("warning: trouble injecting bounce message about {}, will try later: {}",
                      about.text(), ended.text()));
    }
    scheduler_.notice_done(about, ended.ok(), now());
  }
}

// Nothing is due: leave, unless somebody has put a message into incoming/ who could not tell any
// more, or who found us there still. First nobody is heard, then nobody is kept out, then we look.
bool Loop::may_leave() {
  if (!incoming_read_ || !deferred_read_ || !bounces_.empty() || scheduler_.stopping() ||
      !scheduler_.idle(now())) {
    return false;
  }
  trigger_.reset();
  Result<queue::Spool> other = queue::Spool::open(instance_);
  if (!other) return true;
  spool_ = std::move(*other);  // and with the old one goes its lock
  bool more = false;
  (void)spool_.for_each(queue::Place::incoming, [&](const Id& id) {
    if (!scheduler_.knows(id) && seen_when_leaving_.insert(id).second) more = true;
  });
  if (!more || !spool_.try_lock().value_or(false)) return true;
  Result<Trigger> trigger = Trigger::open(instance_);
  if (!trigger) return true;
  trigger_ = std::move(*trigger);
  incoming_read_ = false;
  worker_->post(ScanIncoming{});
  return false;
}

// ---- starting

namespace {

Result<> all_there(const queue::Spool& spool, const std::vector<Id>& ids) {
  for (const Id& id : ids) {
    Result<queue::File> file = spool.open_file(id, queue::File::Access::read);
    if (!file && file.error().sys == ENOENT) {
      return permanent("no such message: {}", id.text());
    }
  }
  return {};
}

}  // namespace

Result<int> run(const Instance& instance, const Options& options) {
  Result<queue::Spool> spool = queue::Spool::open(instance);
  if (!spool) return failed(spool);
  Result<bool> ours = spool->try_lock();
  if (ours && !*ours && options.once) return 0;
  // One that was killed with its supervisor may still be ending when the supervisor is back.
  if (ours && !*ours) ours = spool->try_lock(kPatience);
  if (!ours) return failed(ours);
  if (!*ours) return temporary("instance {}: another send is running", instance.path());
  if (Result<> done = all_there(*spool, options.retry); !done) return failed(done);
  Result<Settings> settings = Settings::load(instance);
  if (!settings) return failed(settings);
  Loop loop(instance, options, std::move(*spool), std::move(*settings));
  if (Result<> done = loop.start(); !done) return failed(done);
  return loop.run();
}

}  // namespace porpoise::send
