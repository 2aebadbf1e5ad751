#include "posix/process.h"

#include <algorithm>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "posix/error.h"

extern char** environ;

namespace porpoise::posix {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const std::string& s : strings) list.push_back(const_cast<char*>(s.c_str()));
  list.push_back(nullptr);
  return list;
}

// What a child does about its descriptors and signals: system calls only. False: see errno.
// First out of the way, then into place: fds may name each other's targets. `spare` is above every
// descriptor in use, so that moving one never overwrites another.
bool place_descriptors(const int* fds, int count, int spare) {
  for (int i = 0; i < count; ++i) {
    const int from = fds[i] >= 0 ? fds[i] : ::open("/dev/null", O_RDWR);
    if (from < 0 || ::dup2(from, spare + i) < 0) return false;
  }
  for (int i = 0; i < count; ++i) {
    if (::dup2(spare + i, i) < 0) return false;
  }
  if (::syscall(SYS_close_range, static_cast<unsigned>(count), ~0u, 0u) != 0) {
    for (int fd = count; fd < spare + count; ++fd) ::close(fd);
  }
  return true;
}

int spare_above(const std::vector<int>& fds) {
  const int highest = fds.empty() ? 0 : *std::ranges::max_element(fds);
  return std::max(highest + 1, static_cast<int>(fds.size())) + 16;
}

void reset_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s) (void)::sigaction(s, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// What the child does between vfork and exec. It shares our memory, so it only makes system
// calls and writes only its own errno into `*failure`.
struct Child {
  const char* path;
  const char* folder;
  char** argv;
  char** env;
  const int* fds;
  int fd_count;
  int spare;
  bool new_session;
  bool dies_with_us;
  pid_t parent;
  volatile int* failure;

  [[noreturn]] void fail() const {
    *failure = errno;
    _exit(127);
  }

  [[noreturn]] void run() const {
    if (new_session && ::setsid() < 0) fail();
    if (dies_with_us) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
      if (::getppid() != parent) _exit(127);
    }
    if (folder[0] != '\0' && ::chdir(folder) != 0) fail();
    if (!place_descriptors(fds, fd_count, spare)) fail();
    reset_signals();
    ::execve(path, argv, env);
    fail();
  }
};

std::string found_in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* set = ::getenv("PATH");
  std::string_view path = set != nullptr ? set : "/usr/local/bin:/usr/bin:/bin";
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
    std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return name;
}

}  // namespace

Result<pid_t> start(const Command& command) {
  const std::string path = command.search ? found_in_path(command.path) : command.path;
  std::vector<char*> argv = pointers(command.arguments);
  std::vector<char*> env = pointers(command.environment);
  volatile int failure = 0;
  const Child child{.path = path.c_str(),
                    .folder = command.folder.c_str(),
                    .argv = argv.data(),
                    .env = env.data(),
                    .fds = command.fds.data(),
                    .fd_count = static_cast<int>(command.fds.size()),
                    .spare = spare_above(command.fds),
                    .new_session = command.new_session,
                    .dies_with_us = command.dies_with_us,
                    .parent = ::getpid(),
                    .failure = &failure};

  // No signal handler of ours may run in the child, which shares our memory.
  sigset_t all, before;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_BLOCK, &all, &before);
  // posix_spawn has no PR_SET_PDEATHSIG; Child says what it may do here, and does no more.
  // NOLINTNEXTLINE(bugprone-unsafe-functions,clang-analyzer-security.insecureAPI.vfork)
  const pid_t pid = ::vfork();
  if (pid == 0) child.run();
  const int fork_errno = errno;
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (pid < 0) return trouble(fork_errno, "starting a process");
  if (failure != 0) {
    (void)::waitpid(pid, nullptr, 0);
    return system_error(failure, fmt::format("starting {}", command.path));
  }
  return pid;
}

Result<pid_t> fork_into(const std::vector<int>& fds, const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid < 0) return trouble(errno, "starting a process");
  if (pid > 0) return pid;
  (void)::setsid();
  if (!place_descriptors(fds.data(), static_cast<int>(fds.size()), spare_above(fds))) _exit(111);
  reset_signals();
  (void)::umask(077);
  if (::chdir("/") != 0) _exit(111);
  int code = 111;
  try {
    code = body();
  } catch (...) {
    code = 111;
  }
  _exit(code);
}

Error execute(const Command& command) {
  std::vector<char*> argv = pointers(command.arguments);
  std::vector<char*> env = pointers(command.environment);
  ::execve(command.path.c_str(), argv.data(), env.data());
  return system_error(errno, fmt::format("starting {}", command.path)).value();
}

Ended ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {.code = 0, .signal = WTERMSIG(wait_status)};
  return {.code = WEXITSTATUS(wait_status), .signal = 0};
}

std::string Ended::text() const {
  return signal != 0 ? fmt::format("killed by signal {}", signal)
                     : fmt::format("exit code {}", code);
}

Result<Ended> wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return trouble(errno, "waiting for a process");
  }
  return ended(status);
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return trouble(errno, "making a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string program_folder() {
  const char* set = ::getauxval(AT_SECURE) == 0 ? ::getenv("PORPOISE_BIN") : nullptr;
  if (set != nullptr && set[0] == '/') return set;
  std::string self(4096, '\0');
  const ssize_t n = ::readlink("/proc/self/exe", self.data(), self.size());
  if (n > 0) {
    self.resize(static_cast<std::size_t>(n));
    // No /proc. That the kernel passes this pointer as a number is not ours to change.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
  } else if (const auto* name = reinterpret_cast<const char*>(::getauxval(AT_EXECFN))) {
    self = name;
  }
  const std::size_t slash = self.rfind('/');
  return slash == std::string::npos ? "." : self.substr(0, slash);
}

std::vector<std::string> own_environment() {
  std::vector<std::string> list;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) list.emplace_back(*e);
  return list;
}

}  // namespace porpoise::posix
