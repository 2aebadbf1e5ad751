#include "send/loop.h"

#include <algorithm>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "instance/control.h"
#include "instance/remote.h"
#include "libmail/envelope.h"
#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "send/description.h"

namespace porpoise::send {
namespace {

using queue::Id;

constexpr std::int64_t kScanEvery = 1500 * kSecond;   // of incoming/, to be safe
constexpr std::int64_t kSpawnerPause = 10 * kSecond;  // between starts of a spawner that dies
constexpr std::int64_t kClockSlack = 2 * kSecond;     // a larger difference is a step
constexpr std::chrono::seconds kPatience(3);          // with a predecessor that is ending
constexpr std::int64_t kLongestPoll = 60 * kSecond;   // so that steps and suspends are seen
constexpr std::uint64_t kCopyHere = 65536;            // octets; the worker copies more
constexpr std::int64_t kMaxDeliveries = 500;          // of each channel
constexpr std::int64_t kMaxLifetimeSeconds = std::int64_t{100} * 366 * 86400;

std::string domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return std::string(at == std::string_view::npos ? address : address.substr(at + 1));
}

}  // namespace

Loop::Loop(const Instance& instance, const Options& options, queue::Spool spool, Limits limits)
    : instance_(instance),
      options_(options),
      log_(options.log),
      spool_(std::move(spool)),
      scheduler_(limits, posix::random_bits()),
      schedule_keeper_(posix::running_us()) {}

Result<> Loop::start() {
  clock_offset_ = posix::wall_us() - posix::running_us();
  if (Result<> done = read_tables(); !done) return done;

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

  Result<Spawner> spawner = options_.spawner_socket
                                ? Spawner::given(posix::UniqueFd(*options_.spawner_socket))
                                : Spawner::start(instance_);
  if (!spawner) return failed(spawner);
  spawner_ = std::move(*spawner);
  spawner_since_us_ = posix::running_us();

  retry_found_ = options_.retry_all;
  log(fmt::format("status: local 0/{} remote 0/{}", scheduler_.limits().deliveries,
                  scheduler_.limits().remote));
  if (options_.report) scheduler_.watch(options_.report->id);
  scheduler_.spawner_up(now());
  for (const Id& id : options_.retry) scheduler_.found(id, 0, now());
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
  log("status: exiting");
  log_.flush();
  return exit_code_;
}

// The scheduler's clock: wall time, whose steps it is told of.
Time Loop::now() {
  const std::int64_t wall = posix::wall_us();
  const std::int64_t offset = wall - posix::running_us();
  const std::int64_t step = offset - clock_offset_;
  if (step > kClockSlack || step < -kClockSlack) {
    clock_offset_ = offset;
    log_.line(wall, fmt::format("warning: the clock was set by {} s", step / kSecond));
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
  if (happened(worker_->event())) take_answers();
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
      scheduler_.reported(report.slot, report.letter, report.text, report.note, now());
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
        reread_tables();
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

std::string Loop::answer(const ControlServer::Peer& peer, std::string_view command) {
  if (command == "ping") return fmt::format("+OK send {}\n", ::getpid());
  if (command == "status") return answer_status();
  if (command != "retry" && !command.starts_with("retry ")) return "-ERR unknown command\n";
  const std::string_view operand = command.substr(std::min<std::size_t>(6, command.size()));
  return peer.may_do_all ? answer_retry(operand) : answer_retry_of(peer.uid, operand);
}

// Of somebody who may touch their own messages only. Those of others are as if they were not there,
// and the tables stay as they are: reading them is work.
std::string Loop::answer_retry_of(uid_t submitter, std::string_view operand) {
  if (operand.empty()) {
    return fmt::format("-ERR only root and {} retry all there is: name your messages\n",
                       instance_.owner().name);
  }
  const auto id = Id::parse(operand);
  const auto file = id ? spool_.open_file(*id, queue::File::Access::read)
                       : Result<queue::File>(permanent("no id"));
  if (!file || file->meta().uid != submitter) {
    return fmt::format("-ERR no such message: {}\n", operand);
  }
  if (!scheduler_.retry(*id, now())) scheduler_.found(*id, 0, now());
  return "+OK 1 messages due\n";
}

// The tables are read again: most often their correction is what makes a retry worth while.
std::string Loop::answer_retry(std::string_view operand) {
  reread_tables();
  if (operand.empty()) {
    const std::size_t waiting = scheduler_.waiting();
    retry_found_ = !deferred_read_;
    scheduler_.retry_all(now());
    return fmt::format("+OK {} messages due\n", waiting);
  }
  const auto id = Id::parse(operand);
  if (id && scheduler_.retry(*id, now())) return "+OK 1 messages due\n";
  if (id && spool_.open_file(*id, queue::File::Access::read)) {
    scheduler_.found(*id, 0, now());
    return "+OK 1 messages due\n";
  }
  return fmt::format("-ERR no such message: {}\n", operand);
}

std::string Loop::answer_status() {
  const auto next = scheduler_.next_due_s();
  return fmt::format(
      "+OK\npid={}\nwaiting={}\nopen={}\nrunning={}\nlimit={}\nremote_running={}\n"
      "remote_limit={}\nreading={}\nnext={}\n.\n",
      ::getpid(), scheduler_.waiting(), scheduler_.open(), scheduler_.running(Channel::local),
      scheduler_.limits().deliveries, scheduler_.running(Channel::remote),
      scheduler_.limits().remote, incoming_read_ && deferred_read_ ? "no" : "yes",
      next ? timestamp(Time{*next} * kSecond) : "never");
}

Result<> Loop::read_tables() {
  Result<Router> router = Router::load(instance_);
  if (!router) return failed(router);
  Result<std::optional<RemoteProgram>> remote = RemoteProgram::load(instance_);
  if (!remote) return failed(remote);
  router_ = std::move(*router);
  return {};
}

void Loop::reread_tables() {
  const Result<> done = read_tables();
  if (!done)
    log("alert: unable to reread the routing tables, the old ones stay: " + done.error().text);
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

// ---- answers of the worker

void Loop::take_answers() {
  for (Answer& a : worker_->take()) std::visit([this](auto& answer) { on(answer); }, a);
}

void Loop::on(Written& a) {
  if (a.outcome == Outcome::trouble) log("alert: " + a.text + ", will try again later");
  if (a.outcome == Outcome::damaged) log("alert: " + a.text + ", setting it aside");
  scheduler_.written(a.id, a.outcome, now());
}

void Loop::on(Copied& a) {
  have_content(a.id, std::move(a.content));
}

void Loop::on(WasSetAside& a) {
  log(a.text.empty() ? fmt::format("alert: msg {} is in queue/damaged", a.id.text())
                     : "alert: " + a.text);
  scheduler_.written(a.id, Outcome::ok, now());
}

void Loop::on(InIncoming& a) {
  for (const Id& id : a.ids) scheduler_.arrived(id, now());
  if (a.last) incoming_read_ = true;
}

void Loop::on(InDeferred& a) {
  for (const auto& [id, next] : a.messages) scheduler_.found(id, retry_found_ ? 0 : next, now());
  if (!a.last) return;
  deferred_read_ = true;
  retry_found_ = false;
}

void Loop::on(Trouble& a) {
  log("alert: " + a.text);
}

// ---- actions of the scheduler

void Loop::perform() {
  for (std::vector<Action> actions = scheduler_.take(); !actions.empty();
       actions = scheduler_.take()) {
    for (const Action& action : actions) std::visit([this](const auto& a) { act(a); }, action);
  }
}

void Loop::act(const Load& a) {
  const Result<Loaded> loaded = load(a);
  if (loaded) return scheduler_.loaded(a.id, *loaded, now());
  const Outcome outcome = outcome_of(loaded.error());
  if (outcome == Outcome::damaged) log("alert: " + loaded.error().text + ", setting it aside");
  if (outcome == Outcome::trouble) log("alert: " + loaded.error().text + ", will try again later");
  scheduler_.load_failed(a.id, outcome, now());
}

Result<Loaded> Loop::load(const Load& a) {
  Loaded loaded;
  Result<queue::File> file = spool_.open_file(a.id, queue::File::Access::read, &loaded.place);
  // What a send that was killed has recorded may not be on disk yet. A notice depends on it.
  if (file && !file->state().open_intents.empty()) {
    std::string alert;
    file = spool_.open_to_append(a.id, &alert);
    if (!alert.empty()) log("alert: " + alert);
  }
  if (!file) return failed(file);
  if (const auto& about = file->meta().notice_about) {
    loaded.notice_about = *about;
    Result<queue::File> other = spool_.open_file(*about, queue::File::Access::read);
    // One that is open has been synced, and is the worker's to write to.
    if (other && other->state().notices.contains(a.id) && !bodies_.contains(*about)) {
      other = spool_.open_file(*about, queue::File::Access::append);
    }
    if (!other && outcome_of(other.error()) == Outcome::trouble) return failed(other);
    loaded.confirmed = !other || !other->state().open_intents.contains(a.id);
  }
  if (Result<> room = spool_.reserve_log(*file, loaded.place); !room) return failed(room);
  Body& body = bodies_[a.id];
  describe(*file, loaded, body);
  if (a.first && file->events().empty()) log_new(*file);
  body.file = std::move(*file);
  return loaded;
}

void Loop::describe(const queue::File& file, Loaded& l, Body& body) const {
  const queue::Meta& meta = file.meta();
  const queue::State& state = file.state();
  l.arrival = meta.arrival_us;
  l.next = state.next_us;
  l.attempts = state.attempts;
  l.held = state.held;
  l.reports = meta.envelope.sender != "#@[]";
  std::optional<bool> goes_elsewhere;
  for (const auto& [intent, recipients] : state.open_intents) l.open_intents.push_back(intent);
  body.sender = meta.envelope.sender;
  body.content_octets = file.header().content_octets;
  for (std::uint32_t i = 0; i < meta.envelope.recipients.size(); ++i) {
    const std::string& address = meta.envelope.recipients[i].address;
    body.recipients.push_back(address);
    using enum queue::State::Status;
    const queue::State::OfRecipient& r = state.recipients[i];
    if (r.status == failed) {
      l.recipients.push_back(r.noticed ? Loaded::Recipient::reported : Loaded::Recipient::failed);
      continue;
    }
    l.recipients.push_back(r.status == waiting ? Loaded::Recipient::waiting
                                               : Loaded::Recipient::done);
    if (r.status != waiting) continue;
    if (!r.progress.empty()) body.progress[i] = r.progress;
    const Route route = router_->route(address);
    if (route.channel == Route::Channel::local) continue;
    l.channels.resize(i + 1, Channel::local);
    l.channels[i] = Channel::remote;
    if (!goes_elsewhere) goes_elsewhere = has_remote();
    if (*goes_elsewhere) continue;
    l.refused.push_back(
        {i, route.address,
         fmt::format("no route: {} is not local and this instance has no control/remote (#5.1.2)",
                     domain_of(route.address))});
  }
}

// Asked anew each time: where the file has just been made, nothing may come back for its lack.
// What is wrong in it, or with reading it, spawn finds out; the mail waits then.
bool Loop::has_remote() const {
  const Result<std::optional<std::string>> line = Control(instance_.folder()).line("remote");
  return !line || line->has_value();
}

void Loop::log_new(const queue::File& file) {
  const std::string id = file.header().id.text();
  log("new msg " + id);
  log(fmt::format("info msg {}: bytes {} from <{}> qp {} uid {}", id, file.header().content_octets,
                  log_safe(file.meta().envelope.sender), id, file.meta().uid));
}

void Loop::act(const Start& a) {
  if (!scheduler_.runs(a)) return;
  const Body& body = bodies_.at(a.id);
  log(fmt::format("starting delivery {}: msg {} to {} {}", a.number, a.id.text(),
                  a.channel == Channel::local ? "local" : "remote",
                  log_safe(router_->route(body.recipients[a.recipient]).address)));
  with_content(a.id, [this, a](const Result<>& content) { deliver(a, content); });
}

// Content that fits into memory is copied at once; a larger one is the worker's to copy.
void Loop::with_content(const Id& id, std::function<void(const Result<>&)> then) {
  Body& body = bodies_.at(id);
  if (body.content.open()) return then({});
  body.wait_for_content.push_back(std::move(then));
  if (body.copying) return;
  body.copying = true;
  if (body.content_octets > kCopyHere || !body.file) return worker_->post(CopyContent{id});
  have_content(id, spool_.copy_content(*body.file));
}

void Loop::have_content(const Id& id, Result<posix::UniqueFd> content) {
  const auto at = bodies_.find(id);
  if (at == bodies_.end()) return;
  Body& body = at->second;
  body.copying = false;
  body.file.reset();
  Result<> done;
  if (content) {
    body.content = std::move(*content);
  } else {
    log("alert: " + content.error().text);
    done = failed(content);
  }
  const bool damaged = !done && outcome_of(done.error()) == Outcome::damaged;
  const auto waiting = std::exchange(body.wait_for_content, {});
  if (damaged) scheduler_.damaged(id, now());
  for (const auto& then : waiting) then(done);
}

void Loop::deliver(const Start& a, const Result<>& content) {
  const auto defer = [&](const Error& why) {
    scheduler_.reported(a.slot, 'Z', why.text + " (#4.3.0)", "", now());
  };
  if (!scheduler_.runs(a)) return;  // the spawner was lost, or the message is damaged
  if (!content) return defer(content.error());
  const Body& body = bodies_.at(a.id);
  Result<posix::UniqueFd> copy = queue::Spool::reopen(body.content.get());
  if (!copy) return defer(copy.error());
  spawn::StartDelivery delivery;
  delivery.slot = a.slot;
  delivery.elsewhere = a.channel == Channel::remote;
  delivery.recipient = router_->route(body.recipients[a.recipient]).address;
  delivery.sender = mail::verp_sender(body.sender, delivery.recipient);
  const auto progress = body.progress.find(a.recipient);
  if (progress != body.progress.end()) delivery.progress = progress->second;
  const Result<> done = spawner_->begin(delivery, std::move(*copy));
  if (!done) lose_spawner(done.error());
}

void Loop::act(const QueueNotice& a) {
  with_content(a.about, [this, a](const Result<>& content) { start_bounce(a, content); });
}

void Loop::start_bounce(const QueueNotice& a, const Result<>& content) {
  Result<pid_t> child = content ? bounce_process(a, bodies_.at(a.about))
                                : Result<pid_t>(tl::make_unexpected(content.error()));
  if (child) return bounces_.push_back({*child, a.about});
  log("alert: " + child.error().text);
  scheduler_.notice_done(a.about, false, now());
}

// It is told what the message's file says, and nothing else: only what is recorded is reported.
Result<pid_t> Loop::bounce_process(const QueueNotice& a, const Body& body) {
  Result<queue::File> file = spool_.open_file(a.about, queue::File::Access::read);
  if (!file) return failed(file);
  Result<posix::UniqueFd> content = queue::Spool::reopen(body.content.get());
  if (!content) return failed(content);
  Result<posix::UniqueFd> description = describe_failures(*file, a.id);
  if (!description) return failed(description);
  posix::Command command;
  command.path = posix::program_folder() + "/bounce";
  command.arguments = {"bounce",    "--instance", instance_.path(), "--id",
                       a.id.text(), "--about",    a.about.text()};
  command.environment = posix::own_environment();
  command.fds = {content->get(), -1, 2, description->get()};
  return posix::start(command);
}

void Loop::act(const Write& a) {
  worker_->post(a);
}
void Loop::act(const SetAside& a) {
  worker_->post(a);
}
void Loop::act(const Close& a) {
  bodies_.erase(a.id);
}
void Loop::act(const Say& a) {
  log(a.line);
}

// Whoever asked may be gone: it costs nobody anything.
void Loop::act(const Tell& a) {
  std::string record(1, a.letter);
  for (const std::string& field : {bodies_.at(a.id).recipients[a.recipient], a.text}) {
    record += '\0';
    record += field.substr(0, field.find('\0'));
  }
  record += '\0';
  (void)posix::write_all(options_.report->fd, record, "the report");
}

// ---- starting

namespace {

Result<Limits> read_limits(const Instance& instance) {
  const Control control(instance.folder());
  Limits limits;
  for (const auto& [name, value] : {std::pair{"concurrencylocal", &limits.deliveries},
                                    std::pair{"concurrencyremote", &limits.remote}}) {
    Result<std::int64_t> deliveries = control.number_or(name, *value);
    if (!deliveries) return failed(deliveries);
    if (*deliveries > kMaxDeliveries) {
      return temporary("control/{}: {} is more than {}", name, *deliveries, kMaxDeliveries);
    }
    *value = static_cast<std::uint32_t>(*deliveries);
  }
  Result<std::int64_t> lifetime = control.number_or("queuelifetime", limits.lifetime_s);
  if (!lifetime) return failed(lifetime);
  limits.lifetime_s = std::min<std::int64_t>(*lifetime, kMaxLifetimeSeconds);
  return limits;
}

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
  Result<Limits> limits = read_limits(instance);
  if (!limits) return failed(limits);
  Loop loop(instance, options, std::move(*spool), *limits);
  if (Result<> done = loop.start(); !done) return failed(done);
  return loop.run();
}

}  // namespace porpoise::send
