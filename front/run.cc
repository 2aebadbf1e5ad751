#include "front/run.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "front/doors.h"
#include "front/errors.h"
#include "front/intake_part.h"
#include "front/listen_fds.h"
#include "front/mail_pair.h"
#include "front/pop3_door.h"
#include "front/pop3_port.h"
#include "front/run_lock.h"
#include "instance/control.h"
#include "instance/remote.h"
#include "instance/resolver.h"
#include "instance/retry_rules.h"
#include "posix/clock.h"
#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::front {
namespace {

/// The signals we live by, as a descriptor to be polled.
Result<posix::UniqueFd> take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGCHLD}) sigaddset(&set, s);
  (void)::signal(SIGCHLD, SIG_DFL);  // one who ignores it would lose how children ended
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return posix::trouble(errno, "taking signals");
  posix::UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.open()) return posix::trouble(errno, "taking signals");
  return fd;
}

/// One loop that waits for signals, connections and the next time something is due. It never
/// sleeps otherwise.
class Supervisor {
 public:
  /// How long POP3 sessions have to end when asked to.
  static constexpr std::int64_t kSessionGraceUs = 5'000'000;

  Supervisor(const Parts& parts, posix::UniqueFd signals, Doors doors)
      : parts_(parts),
        signals_(std::move(signals)),
        doors_(std::move(doors)),
        mail_(parts),
        intake_(parts),
        pop3_(parts) {}

  Result<> start();
  Result<> loop();

 private:
  bool finished() const {
    return stopping_ > 0 && !mail_.running() && !intake_.running() && pop3_.sessions() == 0;
  }
  void do_what_is_due();
  void start_mail(std::int64_t now_us);
  Result<> start_intake(std::int64_t now_us);
  Result<> wait();
  int patience_ms() const;
  void take_signal(int signal);
  void stop();
  void collect_children();

  const Parts& parts_;
  posix::UniqueFd signals_;
  Doors doors_;
  MailPair mail_;
  IntakePart intake_;  // of a system instance
  Pop3Door pop3_;
  int stopping_ = 0;  // how often we were asked to
  std::optional<std::int64_t> sessions_end_us_;
};

Result<> Supervisor::start() {
  Result<> done = pop3_.open(doors_.take_pop3());
  if (done) done = start_intake(posix::running_us());
  if (done) done = mail_.start(doors_.control(), posix::running_us());
  if (done) return done;
  pop3_.close();
  doors_.close(parts_.instance);
  intake_.stop();
  return done;
}

Result<> Supervisor::start_intake(std::int64_t now_us) {
  if (!parts_.instance.is_system()) return {};
  return intake_.start(doors_.submit(), now_us);
}

Result<> Supervisor::loop() {
  while (!finished()) {
    do_what_is_due();
    if (Result<> done = wait(); !done) return done;
  }
  return {};
}

void Supervisor::do_what_is_due() {
  const std::int64_t now = posix::running_us();
  if (sessions_end_us_ && now >= *sessions_end_us_) {
    pop3_.signal_sessions(SIGKILL);
    sessions_end_us_.reset();
  }
  if (now >= intake_.due_us().value_or(now + 1)) {
    if (Result<> done = start_intake(now); !done) {
      parts_.log.error(done.error());
      intake_.put_off(now);
    }
  }
  if (now >= mail_.due_us().value_or(now + 1)) start_mail(now);
}

void Supervisor::start_mail(std::int64_t now_us) {
  if (mail_.running()) {
    mail_.kill();
    return;
  }
  if (Result<> done = mail_.start(doors_.control(), now_us); !done) {
    parts_.log.error(done.error());
    mail_.put_off(now_us);
  }
}

// Until the next thing is due; -1 where nothing is.
int Supervisor::patience_ms() const {
  const std::int64_t now = posix::running_us();
  std::optional<std::int64_t> next = pop3_.due_us(now);
  for (const auto& due : {mail_.due_us(), intake_.due_us(), sessions_end_us_}) {
    if (due) next = std::min(next.value_or(*due), *due);
  }
  if (!next) return -1;
  return static_cast<int>(std::clamp<std::int64_t>((*next - now + 999) / 1000, 0, 60'000));
}

Result<> Supervisor::wait() {
  std::array<pollfd, 2> polled = {
      pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = pop3_.fd(posix::running_us()), .events = POLLIN, .revents = 0}};
  if (::poll(polled.data(), polled.size(), patience_ms()) < 0 && errno != EINTR) {
    return posix::trouble(errno, "waiting for signals and connections");
  }
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    take_signal(static_cast<int>(info.ssi_signo));
  }
  if (polled[1].revents != 0 && stopping_ == 0) pop3_.let_in(posix::running_us());
  return {};
}

void Supervisor::take_signal(int signal) {
  switch (signal) {
    case SIGCHLD:
      return collect_children();
    case SIGTERM:
    case SIGINT:
      return stop();
    case SIGHUP:
      intake_.reread();
      return mail_.signal_send(signal);
    default:
      mail_.signal_send(signal);
  }
}

void Supervisor::stop() {
  if (stopping_++ > 0) {
    parts_.log.line("stopping at once");
    mail_.kill();
    intake_.kill();
    pop3_.signal_sessions(SIGKILL);
    return;
  }
  parts_.log.line("stopping");
  pop3_.close();
  doors_.close(parts_.instance);
  intake_.stop();
  pop3_.signal_sessions(SIGTERM);
  sessions_end_us_ = posix::running_us() + kSessionGraceUs;
  mail_.stop();
}

void Supervisor::collect_children() {
  int status = 0;
  for (pid_t child; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const posix::Ended how = posix::ended(status);
    const std::int64_t now = posix::running_us();
    if (pop3_.ended(child, how) || intake_.ended(child, how, now)) continue;
    (void)mail_.ended(child, how, now);
  }
}

Result<posix::UniqueFd> open_log(const std::optional<std::string>& name) {
  if (!name) return posix::duplicate(1);
  return posix::open_at(posix::kHere, *name, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600);
}

// As send does.
Result<> check_numbers(const Instance& instance) {
  struct Number {
    const char* name;
    std::int64_t least;
    std::int64_t most;
  };
  constexpr std::array<Number, 5> kNumbers = {{{"concurrencylocal", 0, 500},
                                               {"concurrencyremote", 0, 500},
                                               {"concurrencyrecipient", 1, 500},
                                               {"concurrencyhost", 1, 500},
                                               {"queuelifetime", 0, INT64_MAX}}};
  for (const Number& n : kNumbers) {
    Result<std::int64_t> value = Control(instance.folder()).number_or(n.name, n.least);
    if (!value) return in_instance(instance, value.error());
    if (*value >= n.least && *value <= n.most) continue;
    return temporary("{}/control/{}: {} is not from {} to {}", instance.path(), n.name, *value,
                     n.least, n.most);
  }
  return {};
}

// What send and spawn would stumble over is told here, where somebody reads it.
Result<> check_control(const Instance& instance) {
  if (Result<Router> router = Router::load(instance); !router) {
    return in_instance(instance, router.error());
  }
  if (Result<Accounts> accounts = Accounts::load(instance); !accounts) {
    return in_instance(instance, accounts.error());
  }
  if (Result<std::optional<RemoteProgram>> remote = RemoteProgram::load(instance); !remote) {
    return in_instance(instance, remote.error());
  }
  if (Result<> numbers = check_numbers(instance); !numbers) return numbers;
  if (Result<mail::RetryRules> rules = read_retry_rules(instance); !rules) {
    return in_instance(instance, rules.error());
  }
  return {};
}

Result<> supervise(const Instance& instance, ListenFds given, Log log) {
  Result<posix::UniqueFd> signals = take_signals();
  if (!signals) return failed(signals);
  Result<Doors> doors = Doors::open(instance, std::move(given));
  if (!doors) return failed(doors);
  const Parts parts{.instance = instance,
                    .programs = posix::program_folder(),
                    .environment = environment_of_parts(instance),
                    .log = log};
  parts.log.line(fmt::format("running instance={} pid={}", instance.path(), ::getpid()));
  Supervisor supervisor(parts, std::move(*signals), std::move(*doors));
  if (Result<> done = supervisor.start(); !done) return done;
  Result<> done = supervisor.loop();
  parts.log.line("stopped");
  return done;
}

}  // namespace

Result<int> run(const RunWish& wish) {
  if (wish.log_format != "plain" && wish.log_format != "json") {
    return permanent("--log-format: \"{}\" is neither plain nor json", wish.log_format);
  }
  Result<ListenFds> given = take_listen_fds();
  if (!given) return failed(given);
  Result<Instance> instance = Instance::find(wish.instance);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_administrator(); !done) return failed(done);
  if (Result<> done = instance->require_layout(); !done) return failed(done);
  Result<RunLock> lock = RunLock::take(*instance);
  if (!lock) return failed(lock);
  remove_pop3_port(*instance);  // left by one that was killed
  if (Result<> done = check_control(*instance); !done) return failed(done);
  Result<posix::UniqueFd> log = open_log(wish.log);
  if (!log) return failed(log);
  const Log lines(log->get(), wish.log_format == "json");
  if (Result<> done = supervise(*instance, std::move(*given), lines); !done) return failed(done);
  return 0;
}

}  // namespace porpoise::front
