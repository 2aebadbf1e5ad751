// A filter that names what is refused rather than what is allowed: a call that libc makes in some
// rare case must not turn into a failure of mail. What a part has no use for, and an intruder
// has, is all there.

#include "posix/system_calls.h"

#include <cstddef>
#include <initializer_list>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <span>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "posix/error.h"

namespace porpoise::posix {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArch = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned kArch = 0;
#endif

// Newer than the headers that we may be built with; the same on every machine.
constexpr long kQuotactlFd = 443;
constexpr long kProcessMrelease = 448;

constexpr unsigned kNameSpaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

constexpr long kNever[] = {
    // Other processes.
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_kcmp,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    kProcessMrelease,
    SYS_migrate_pages,
    SYS_move_pages,
    // Name spaces and mounts.
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
    SYS_mount_setattr,
    // Other ways to files.
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_mknodat,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    SYS_quotactl,
    kQuotactlFd,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    // Large and rarely used parts of the kernel.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_lookup_dcookie,
    SYS_personality,
    SYS_vmsplice,
    SYS_remap_file_pages,
    // The machine.
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_syslog,
    SYS_vhangup,
    SYS_nfsservctl,
    // Who we are.
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
#if defined(__x86_64__)
    SYS_mknod,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS__sysctl,
#endif
};

constexpr long kPrograms[] = {
    SYS_execve,
    SYS_execveat,
#if defined(__x86_64__)
    SYS_fork,
    SYS_vfork,
#endif
};
constexpr long kSockets[] = {SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen};
// tgkill stays: abort() is made of it.
constexpr long kSignals[] = {SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
                             SYS_pidfd_send_signal};

class Filter {
 public:
  Filter() {
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0);
    refuse(EPERM);
    load_number();
#if defined(__x86_64__)
    add(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);  // the same calls by other numbers: x32
    refuse(EPERM);
#endif
  }

  void never(std::span<const long> numbers, int err = EPERM) {
    for (const long number : numbers) {
      add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1);
      refuse(err);
    }
  }

  /// Not with one of `forbidden` in its first argument, nor without `required`.
  void flags_of(long number, unsigned forbidden, unsigned required) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0,
        static_cast<unsigned char>(required != 0 ? 6 : 4));
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args));  // its low half: little-endian
    add(BPF_JMP | BPF_JSET | BPF_K, forbidden, 0, 1);
    refuse(EPERM);
    if (required != 0) {
      add(BPF_JMP | BPF_JSET | BPF_K, required, 1, 0);
      refuse(EPERM);
    }
    load_number();
  }

  std::vector<sock_filter>& finished() {
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return code_;
  }

 private:
  void add(unsigned short code, unsigned k, unsigned char yes = 0, unsigned char no = 0) {
    code_.push_back({code, yes, no, k});
  }
  void refuse(int err) { add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(err)); }
  void load_number() { add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)); }

  std::vector<sock_filter> code_;
};

}  // namespace

Result<bool> restrict_system_calls(const Sandbox& box) {
  if (kArch == 0) return false;
  Filter filter;
  filter.never(kNever);
  if (!box.starts_programs) filter.never(kPrograms);
  if (!box.makes_sockets) filter.never(kSockets);
  if (!box.signals_others) filter.never(kSignals);
  // Its flags lie in memory, where no filter looks; libc does without.
  constexpr long kClone3[] = {SYS_clone3};
  filter.never(kClone3, ENOSYS);
  filter.flags_of(SYS_clone, kNameSpaces, box.starts_programs ? 0 : CLONE_THREAD);
  std::vector<sock_filter>& code = filter.finished();
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return true;
  if (errno == ENOSYS || errno == EINVAL) return false;
  return trouble(errno, "restricting system calls");
}

}  // namespace porpoise::posix
