#include "tracer.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/futex.h>
#include <map>
#include <memory>
#include <sched.h>
#include <set>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "filter.h"
#include "losses.h"
#include "pretence.h"
#include "stopped.h"

namespace porpoise::fault {
namespace {

constexpr long kOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
                          PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEEXEC;

// Tracer and tree on one processor: they never run at the same time anyway, and the turns that
// processes take depend less on chance.
void stay_on_this_processor() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &set);
  (void)sched_setaffinity(0, sizeof set, &set);
}

pid_t start(const Plan& plan) {
  std::vector<char*> arguments;
  arguments.reserve(plan.arguments.size() + 1);
  for (const std::string& argument : plan.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  if (plan.fsize != 0) {
    const rlimit limit{plan.fsize, plan.fsize};
    (void)setrlimit(RLIMIT_FSIZE, &limit);
  }
  stop_at_calls(plan);
  execv(arguments[0], arguments.data());
  _exit(127);
}

pid_t group_of(pid_t pid) {
  char room[2048];
  const std::string path = "/proc/" + std::to_string(pid) + "/status";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return pid;
  const ssize_t n = read(fd, room, sizeof room - 1);
  close(fd);
  room[n < 0 ? 0 : n] = '\0';
  const char* found = strstr(room, "\nTgid:");
  return found == nullptr ? pid : atoi(found + 6);
}

std::string program_of(pid_t pid) {
  char room[4096];
  const std::string path = "/proc/" + std::to_string(pid) + "/exe";
  const ssize_t n = readlink(path.c_str(), room, sizeof room);
  const std::string exe(room, n < 0 ? 0 : static_cast<std::size_t>(n));
  return exe.substr(exe.rfind('/') + 1);
}

// Whether it is the file into which the programs speak to us: on no disk of theirs.
bool is_our_ear(const struct stat& file) {
  struct stat own{};
  return fstat(STDOUT_FILENO, &own) == 0 && own.st_dev == file.st_dev && own.st_ino == file.st_ino;
}

bool needs_room(const Stopped& at, const Call& call) {
  if (call.kind == Kind::name) return call.path >= 0;
  if (at.number() == SYS_openat) {
    const auto flags = at.argument(2);
    return (flags & O_TMPFILE) == O_TMPFILE || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
  }
  if (call.kind != Kind::write && at.number() != SYS_fallocate) return false;
  const int fd = static_cast<int>(at.argument(call.fd));
  struct stat st{};
  return fd != STDERR_FILENO && at.stat_descriptor(fd, st) && S_ISREG(st.st_mode) &&
         !is_our_ear(st) && at.describe_descriptor(fd) != "memfd";
}

clockid_t clock_of(const Stopped& at) {
  return at.number() == SYS_clock_gettime ? static_cast<clockid_t>(at.argument(0)) : CLOCK_REALTIME;
}

// Which argument says how much is transferred.
int length_argument(const Stopped& at) {
  switch (at.number()) {
    case SYS_sendfile:
      return 3;
    case SYS_copy_file_range:
    case SYS_splice:
      return 4;
    default:
      return 2;
  }
}

// A process, or a further thread of one: a sequence of calls with a name of its own.
struct Process {
  std::string node;
  std::string program;
  int children = 0;
  std::map<const Call*, long> made;  // how often it has made each call
  bool begun = false;                // main() was seen to begin
  std::unique_ptr<Pretence> pretence;
};

struct Thread {
  std::shared_ptr<Process> process;
  bool to_exit = false;  // stop again when the call has been done
  int exit_error = 0;    // ... and then let it fail
  int lent = -1;         // ... and then give back the argument that was changed
  unsigned long long lent_value = 0;

  // Callers may rely on their registers after a call, whatever we made of them before it.
  void change_argument(Stopped& at, int index, unsigned long long value) {
    lent = index;
    lent_value = at.argument(index);
    to_exit = true;
    at.set_argument(index, value);
  }
};

// Waiting takes as much less as the clock is faster.
void hasten(Stopped& at, Thread& thread) {
  const auto asked = static_cast<int>(at.argument(2));
  if (asked > 0) {
    const int shorter = (asked + Pretence::kPace - 1) / Pretence::kPace;
    thread.change_argument(at, 2, static_cast<unsigned long long>(shorter));
  }
}

// The kernel knows nothing of our clock: a time to wait until is told in its own. Without that the
// waiting thread would ask the clock again and again.
void hasten_futex(Stopped& at, Thread& thread, std::int64_t begun_us) {
  const auto operation = at.argument(1) & ~static_cast<unsigned long long>(FUTEX_PRIVATE_FLAG);
  timespec until{};
  if (operation != FUTEX_WAIT_BITSET || at.argument(3) == 0) return;
  if (!at.read_memory(at.argument(3), &until, sizeof until)) return;
  const std::int64_t us =
      begun_us + Pretence::reached(until.tv_sec * 1'000'000 + until.tv_nsec / 1000);
  until = {.tv_sec = us / 1'000'000, .tv_nsec = us % 1'000'000 * 1000};
  const unsigned long long unused = (at.stack() - 4096) & ~15ULL;  // below the red zone
  if (at.write_memory(unused, &until, sizeof until)) thread.change_argument(at, 3, unused);
}

class Tracer {
 public:
  explicit Tracer(const Plan& plan) : plan_(plan), begun_us_(running_us()) {}
  Outcome run();

 private:
  bool wait_for_all();
  void at_end(pid_t pid, int status);
  void at_stop(pid_t pid, int status);
  void at_new_process(pid_t parent, int event);
  void at_exec(pid_t pid);
  void at_call(pid_t pid);
  void at_exit_of_call(pid_t pid, Thread& thread);
  bool pretend(Stopped& at, const Call& call, Process& process);
  void pretend_clock(Stopped& at, const Call& call, Process& process);
  bool jumps_at(const std::string& name) const;
  std::int64_t jumped_by(clockid_t clock) const;
  bool is_wanted(const std::string& name) const;
  bool may_be_struck(const Stopped& at, const Call& call) const;
  bool is_owed(const Stopped& at, const Call& call);
  void strike(Stopped& at, const Call& call, Thread& thread);
  void fail(Stopped& at, const Call& call, Thread& thread);
  void owe_to_others(const Stopped& at, const Call& call);
  void list(const Stopped& at, const Call& call, const Process& process, const std::string& name);
  void go_on(pid_t pid, int signal = 0);
  std::shared_ptr<Process> make_process(std::string node);

  const Plan& plan_;
  std::int64_t begun_us_;
  pid_t root_ = 0;
  bool root_begun_ = false;  // the first exec, our own, does not count
  bool over_ = false;        // the tree is to be killed
  bool failing_ = false;     // error_from has struck
  std::map<pid_t, Thread> threads_;
  std::map<pid_t, bool> early_;           // stopped before their parent told us of them
  std::set<std::pair<pid_t, int>> owed_;  // process and descriptor: its next sync fails too
  Losses losses_;
  Outcome outcome_;
};

std::shared_ptr<Process> Tracer::make_process(std::string node) {
  auto process = std::make_shared<Process>();
  process->pretence = std::make_unique<Pretence>(plan_.wall_us, plan_.seed, node);
  process->node = std::move(node);
  return process;
}

Outcome Tracer::run() {
  stay_on_this_processor();
  root_ = start(plan_);
  int status = 0;
  if (root_ < 0 || waitpid(root_, &status, __WALL) != root_ || !WIFSTOPPED(status)) return outcome_;
  threads_[root_].process = make_process("0");
  ptrace(PTRACE_SETOPTIONS, root_, nullptr, kOptions);
  go_on(root_);
  outcome_.hung = !wait_for_all();
  if (over_) outcome_.code = kKilled;
  outcome_.lost = losses_.apply();
  return outcome_;
}

void on_alarm(int /*signal*/) {}

// False: the time is over.
bool Tracer::wait_for_all() {
  struct sigaction action{};
  action.sa_handler = on_alarm;  // without SA_RESTART: waitpid answers EINTR
  sigaction(SIGALRM, &action, nullptr);
  const itimerval limit{.it_interval = {1, 0}, .it_value = {plan_.limit_s, 0}};
  setitimer(ITIMER_REAL, &limit, nullptr);
  while (!over_) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) return errno == ECHILD;
    if (WIFSTOPPED(status)) {
      at_stop(pid, status);
    } else {
      at_end(pid, status);
    }
  }
  return true;
}

void Tracer::at_end(pid_t pid, int status) {
  threads_.erase(pid);
  early_.erase(pid);
  if (pid == root_) outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void Tracer::go_on(pid_t pid, int signal) {
  const auto found = threads_.find(pid);
  const bool to_exit = found != threads_.end() && found->second.to_exit;
  ptrace(to_exit ? PTRACE_SYSCALL : PTRACE_CONT, pid, nullptr, static_cast<long>(signal));
}

void Tracer::at_stop(pid_t pid, int status) {
  const int event = status >> 16;
  const int signal = WSTOPSIG(status);
  const auto found = threads_.find(pid);
  if (found == threads_.end()) {
    early_[pid] = true;  // goes on when its parent's stop has told whose child it is
    return;
  }
  if (event == PTRACE_EVENT_SECCOMP) {
    at_call(pid);
  } else if (event == PTRACE_EVENT_EXEC) {
    at_exec(pid);
  } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
             event == PTRACE_EVENT_CLONE) {
    at_new_process(pid, event);
  } else if (signal == (SIGTRAP | 0x80)) {
    at_exit_of_call(pid, found->second);
  } else if (event == 0 && signal != SIGSTOP && signal != SIGTRAP) {
    go_on(pid, signal);
    return;
  }
  if (!over_) go_on(pid);
}

void Tracer::at_new_process(pid_t parent, int event) {
  unsigned long message = 0;
  ptrace(PTRACE_GETEVENTMSG, parent, nullptr, &message);
  const auto child = static_cast<pid_t>(message);
  Process& process = *threads_[parent].process;
  const bool thread = event == PTRACE_EVENT_CLONE && group_of(child) != child;
  auto made =
      make_process(process.node + (thread ? "t" : ".") + std::to_string(++process.children));
  made->program = process.program;
  made->begun = process.begun;
  threads_[child].process = std::move(made);
  if (early_.erase(child) > 0) go_on(child);
}

void Tracer::at_exec(pid_t pid) {
  Process& process = *threads_[pid].process;
  process.program = program_of(pid);
  process.begun = false;
  if (pid == root_) root_begun_ = true;
  if (plan_.wall_us != 0) hide_vdso(pid);
}

bool Tracer::pretend(Stopped& at, const Call& call, Process& process) {
  if (call.kind == Kind::begin) {
    process.begun = process.begun || at.argument(0) == SIGPIPE;
    return true;
  }
  if (call.kind == Kind::chance) {
    std::string octets(at.argument(1), '\0');
    for (char& octet : octets) octet = static_cast<char>(process.pretence->octet());
    if (at.write_memory(at.argument(0), octets.data(), octets.size())) {
      at.answer(static_cast<long>(octets.size()));
    }
    return true;
  }
  if (call.kind != Kind::clock) return false;
  pretend_clock(at, call, process);
  return true;
}

// A jump is for all processes, from the reading that it strikes on.
void Tracer::pretend_clock(Stopped& at, const Call& call, Process& process) {
  const clockid_t clock = clock_of(at);
  std::int64_t us = process.pretence->read(clock, running_us() - begun_us_);
  if (us < 0) return;
  outcome_.points += plan_.act == Act::jump;
  if (plan_.act == Act::list || (plan_.act == Act::jump && !outcome_.struck)) {
    const long count = ++process.made[find_call(at.number())];
    const std::string name = process.node + ':' + call.name + ':' + std::to_string(count);
    if (plan_.act == Act::list) list(at, call, process, name);
    if (plan_.act == Act::jump) outcome_.struck = jumps_at(name);
  }
  if (outcome_.struck) us += jumped_by(clock);
  if (at.number() == SYS_time) {
    const std::int64_t seconds = us / 1'000'000;
    if (at.argument(0) != 0) at.write_memory(at.argument(0), &seconds, sizeof seconds);
    at.answer(seconds);
    return;
  }
  const bool nanoseconds = at.number() == SYS_clock_gettime;
  const std::int64_t pair[] = {us / 1'000'000, us % 1'000'000 * (nanoseconds ? 1000 : 1)};
  if (at.write_memory(at.argument(nanoseconds ? 1 : 0), pair, sizeof pair)) at.answer(0);
}

bool Tracer::jumps_at(const std::string& name) const {
  constexpr std::string_view kFile = "file:";
  if (!plan_.at.starts_with(kFile)) return plan_.at == name;
  return access(plan_.at.c_str() + kFile.size(), F_OK) == 0;
}

std::int64_t Tracer::jumped_by(clockid_t clock) const {
  if (plan_.act != Act::jump) return 0;
  if (Pretence::is_wall(clock)) return plan_.wall_by_us;
  return clock == CLOCK_BOOTTIME ? plan_.boot_by_us : 0;
}

bool Tracer::is_wanted(const std::string& name) const {
  return !outcome_.struck && (plan_.at == name || plan_.at == std::to_string(outcome_.points));
}

// Events and signals never fail. Where threads took other turns than when the points were listed,
// the call of this name may be about one.
bool Tracer::may_be_struck(const Stopped& at, const Call& call) const {
  const bool fails = plan_.act == Act::error || plan_.act == Act::error_from;
  if (!fails && plan_.act != Act::shorten) return true;
  return call.fd < 0 ||
         at.describe_descriptor(static_cast<int>(at.argument(call.fd))) != "anon_inode";
}

void Tracer::at_call(pid_t pid) {
  Thread& thread = threads_[pid];
  Process& process = *thread.process;
  Stopped at(pid);
  if (at.number() == SYS_futex) {
    hasten_futex(at, thread, begun_us_);
    return;
  }
  Call room{};
  const Call* call = find_point(at, room);
  if (call == nullptr || !root_begun_ || pretend(at, *call, process)) return;
  if (at.number() == SYS_poll && plan_.wall_us != 0) hasten(at, thread);
  const long count = ++process.made[find_call(at.number())];
  const std::string name = process.node + ':' + call->name + ':' + std::to_string(count);
  ++outcome_.points;
  if (plan_.act == Act::list) {
    list(at, *call, process, name);
  } else if (is_wanted(name) && may_be_struck(at, *call)) {
    strike(at, *call, thread);
  } else if ((failing_ && needs_room(at, *call)) || is_owed(at, *call)) {
    fail(at, *call, thread);
  } else if (plan_.act == Act::error || plan_.act == Act::error_from) {
    losses_.at_call(at, *call);
  }
}

void Tracer::strike(Stopped& at, const Call& call, Thread& thread) {
  outcome_.struck = true;
  switch (plan_.act) {
    case Act::before:
      over_ = true;
      break;
    case Act::after:
    case Act::one_after:
      thread.to_exit = true;
      break;
    case Act::one_before:
      kill(at.pid(), SIGKILL);
      break;
    case Act::error_from:
      failing_ = true;
      fail(at, call, thread);
      break;
    case Act::error:
      fail(at, call, thread);
      break;
    case Act::shorten: {
      const int length = length_argument(at);
      const auto asked = at.argument(length);
      if (asked > 1) thread.change_argument(at, length, asked / 2);
      break;
    }
    case Act::jump:  // struck by a reading only
    case Act::list:
    case Act::none:
      break;
  }
}

void Tracer::fail(Stopped& at, const Call& call, Thread& thread) {
  const bool loses =
      plan_.error == EIO || plan_.error == ENOSPC || plan_.error == EDQUOT || plan_.error == EROFS;
  if (loses && (call.kind == Kind::sync || call.kind == Kind::close)) {
    losses_.at_failure(at, call);
    owe_to_others(at, call);
  }
  if (at.number() == SYS_brk) {
    thread.change_argument(at, 0, 0);  // answers where the break is: that is its no
    return;
  }
  if (call.kind != Kind::close) {
    at.answer(-plan_.error);
    return;
  }
  // Whatever close answers, the descriptor is closed.
  thread.to_exit = true;
  thread.exit_error = plan_.error;
}

// Linux tells a failed sync once to each that had the file or folder open when it failed, not only
// to the one whose sync it was (errseq_t).
void Tracer::owe_to_others(const Stopped& at, const Call& call) {
  struct stat lost{};
  if (!at.stat_descriptor(static_cast<int>(at.argument(call.fd)), lost)) return;
  const pid_t own = group_of(at.pid());
  for (const auto& [pid, thread] : threads_) {
    if (group_of(pid) == own) continue;
    std::error_code ignored;
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      struct stat st{};
      if (stat(entry.path().c_str(), &st) != 0) continue;
      if (st.st_dev != lost.st_dev || st.st_ino != lost.st_ino) continue;
      owed_.insert({group_of(pid), atoi(entry.path().filename().c_str())});
    }
  }
}

bool Tracer::is_owed(const Stopped& at, const Call& call) {
  if (owed_.empty() || call.kind != Kind::sync) return false;
  return owed_.erase({group_of(at.pid()), static_cast<int>(at.argument(call.fd))}) > 0;
}

void Tracer::at_exit_of_call(pid_t pid, Thread& thread) {
  thread.to_exit = false;
  if (thread.lent >= 0) {
    Stopped(pid).set_argument(thread.lent, thread.lent_value);
    thread.lent = -1;
  } else if (thread.exit_error != 0) {
    Stopped at(pid);
    at.set_result(-thread.exit_error);
    thread.exit_error = 0;
  } else if (plan_.act == Act::after) {
    over_ = true;
  } else if (plan_.act == Act::one_after) {
    kill(pid, SIGKILL);
  }
}

void Tracer::list(const Stopped& at, const Call& call, const Process& process,
                  const std::string& name) {
  std::string object = at.path_of(call);
  if (call.path < 0 && call.fd >= 0) {
    object = at.describe_descriptor(static_cast<int>(at.argument(call.fd)));
  }
  if (call.kind == Kind::write && at.argument(0) == STDERR_FILENO) object = "stderr";
  if (call.kind == Kind::clock) {
    const clockid_t clock = clock_of(at);
    object = Pretence::is_wall(clock) ? "wall" : clock == CLOCK_BOOTTIME ? "boot" : "monotonic";
  }
  const int options = at.number() == SYS_waitid ? 3 : 2;
  if ((at.number() == SYS_wait4 || at.number() == SYS_waitid) &&
      (at.argument(options) & WNOHANG) != 0) {
    object = "nohang";
  }
  for (char& octet : object) {
    if (octet == '\t' || octet == '\n') octet = '?';
  }
  const char* changes = changes_something(call.kind) ? "changes" : "-";
  outcome_.list += name + '\t' + process.program + '\t' + text(call.kind) + '\t' + changes + '\t' +
                   (process.begun ? "main" : "early") + '\t' + object + '\n';
}

}  // namespace

Outcome trace(const Plan& plan) {
  return Tracer(plan).run();
}

}  // namespace porpoise::fault
