// fault: runs a program and its whole process tree, and makes the N-th state-changing system call
// of the tree the last one, or a failing one. For tests: what must hold, holds wherever we die.
//
//   fault count - PROGRAM ...          lists the calls on standard error, one a line
//   fault before N PROGRAM ...         the whole tree is killed before call N
//   fault after N PROGRAM ...          the whole tree is killed after call N has been done
//   fault one N PROGRAM ...            only the process that makes call N is killed, before it
//   fault ERRNO N PROGRAM ...          call N fails with this errno (a number), and is not done
//
// Exit code: the program's own (128 + signal where one killed it); 200 when the tree was killed
// at N; 201 when N was not reached and the mode needed it ("before", "after", "one", ERRNO);
// 202 for trouble of fault itself. N counts over the whole tree; where a tree is killed, opening
// a file only to read it is no point of its own, since nothing has changed.
//
// By ptrace with a seccomp filter, so that only the calls of interest stop, static programs too;
// PTRACE_O_EXITKILL ends the tree when fault ends, whatever the reason. No privilege needed.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <errno.h>
#include <fcntl.h>
#include <iterator>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

struct Call {
  int number;
  const char* name;
};

// What changes a file, a folder, a process or a peer.
constexpr Call kCalls[] = {
    {SYS_openat, "openat"},
    {SYS_open, "open"},
    {SYS_creat, "creat"},
    {SYS_write, "write"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_writev, "writev"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_rename, "rename"},
    {SYS_renameat, "renameat"},
    {SYS_renameat2, "renameat2"},
    {SYS_link, "link"},
    {SYS_linkat, "linkat"},
    {SYS_unlink, "unlink"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_mkdir, "mkdir"},
    {SYS_mkdirat, "mkdirat"},
    {SYS_rmdir, "rmdir"},
    {SYS_ftruncate, "ftruncate"},
    {SYS_fallocate, "fallocate"},
    {SYS_fchmod, "fchmod"},
    {SYS_copy_file_range, "copy_file_range"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_execve, "execve"},
    {SYS_vfork, "vfork"},
    {SYS_fork, "fork"},
    {SYS_memfd_create, "memfd_create"},
};

enum class Mode { count, before, after, one, error };

const char* name_of(long long number) {
  for (const Call& call : kCalls) {
    if (call.number == number) return call.name;
  }
  return "?";
}

bool only_reads(const user_regs_struct& at) {
  const auto flags = at.orig_rax == SYS_openat ? at.rdx : at.rsi;
  return (at.orig_rax == SYS_openat || at.orig_rax == SYS_open) &&
         (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == O_RDONLY;
}

void stop_at_calls() {
  constexpr int kCount = static_cast<int>(std::size(kCalls));
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (int i = 0; i < kCount; ++i) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(kCalls[i].number),
                              static_cast<unsigned char>(kCount - i), 0));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("fault: seccomp");
    _exit(202);
  }
}

pid_t start(char** program) {
  const pid_t child = fork();
  if (child != 0) return child;
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  stop_at_calls();
  execv(program[0], program);
  perror(program[0]);
  _exit(127);
}

struct Tracer {
  Mode mode;
  int error = 0;
  long wanted = 0;
  pid_t root = 0;
  long seen = 0;
  bool begun = false;  // the first exec, our own, does not count
  bool struck = false;

  // A stop at call number `seen`; how to go on, or the end of the tree.
  __ptrace_request at_call(pid_t pid) {
    user_regs_struct registers{};
    ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
    if (mode != Mode::error && only_reads(registers)) return PTRACE_CONT;
    ++seen;
    if (mode == Mode::count) {
      fprintf(stderr, "%ld %d %s\n", seen, pid,
              name_of(static_cast<long long>(registers.orig_rax)));
    }
    if (mode == Mode::count || seen != wanted) return PTRACE_CONT;
    struck = true;
    if (mode == Mode::before) exit(200);
    if (mode == Mode::after) return PTRACE_SYSCALL;
    if (mode == Mode::one) {
      kill(pid, SIGKILL);
      return PTRACE_CONT;
    }
    registers.orig_rax = static_cast<unsigned long long>(-1);
    registers.rax = static_cast<unsigned long long>(-error);
    ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
    return PTRACE_CONT;
  }

  int run() {
    int code = 202;
    int status = 0;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (pid == root) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        continue;
      }
      const int event = status >> 16;
      const int signal = WSTOPSIG(status);
      __ptrace_request how = PTRACE_CONT;
      long pass_on = 0;
      if (event == PTRACE_EVENT_EXEC && pid == root) begun = true;
      if (event == PTRACE_EVENT_SECCOMP) {
        if (begun) how = at_call(pid);
      } else if (signal == (SIGTRAP | 0x80)) {
        // "after": the stop at the call's entry comes first on some kernels, then its exit.
        user_regs_struct registers{};
        ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
        if (static_cast<long long>(registers.rax) != -ENOSYS) exit(200);
        how = PTRACE_SYSCALL;
      } else if (event == 0 && signal != SIGSTOP && signal != SIGTRAP) {
        pass_on = signal;
      }
      ptrace(how, pid, nullptr, pass_on);
    }
    return mode != Mode::count && !struck ? 201 : code;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: fault count|before|after|one|ERRNO N PROGRAM [ARGUMENT ...]\n");
    return 202;
  }
  Tracer tracer{};
  const std::string_view mode = argv[1];
  const std::string_view number = argv[2];
  tracer.mode = mode == "count"    ? Mode::count
                : mode == "before" ? Mode::before
                : mode == "after"  ? Mode::after
                : mode == "one"    ? Mode::one
                                   : Mode::error;
  if (tracer.mode == Mode::error) {
    std::from_chars(mode.data(), mode.data() + mode.size(), tracer.error);
  }
  std::from_chars(number.data(), number.data() + number.size(), tracer.wanted);
  if (tracer.mode == Mode::error && tracer.error <= 0) {
    fprintf(stderr, "fault: %s is neither a mode nor an errno\n", argv[1]);
    return 202;
  }

  tracer.root = start(argv + 3);
  int status = 0;
  if (tracer.root < 0 || waitpid(tracer.root, &status, 0) < 0 || !WIFSTOPPED(status)) return 202;
  constexpr long kOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
                            PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                            PTRACE_O_TRACEEXEC;
  ptrace(PTRACE_SETOPTIONS, tracer.root, nullptr, kOptions);
  ptrace(PTRACE_CONT, tracer.root, nullptr, 0L);
  return tracer.run();
}
