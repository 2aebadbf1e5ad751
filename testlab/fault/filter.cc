#include "filter.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "calls.h"

namespace porpoise::fault {
namespace {

// What a sync that fails loses depends on these.
bool matters_to_losses(Kind kind) {
  return kind == Kind::write || kind == Kind::size || kind == Kind::create || kind == Kind::open ||
         kind == Kind::name || kind == Kind::sync;
}

// Whether runs of this plan must stop at the call: the fewer, the faster.
bool must_stop(const Plan& plan, const Call& call) {
  if (call.kind == Kind::clock || call.kind == Kind::chance) return plan.wall_us != 0;
  if (call.number == SYS_poll && plan.wall_us != 0) return true;
  if (plan.act == Act::none) return false;
  const auto colon = plan.at.find(':');
  if (plan.act == Act::list || colon == std::string::npos) return true;
  if (plan.act == Act::error && matters_to_losses(call.kind)) {
    const Call* wanted = find_call(plan.call());
    if (wanted != nullptr && (wanted->kind == Kind::sync || wanted->kind == Kind::close))
      return true;
  }
  if (plan.act == Act::error_from && matters_to_losses(call.kind)) return true;
  return call.name == plan.call();
}

// The futex calls that wait until a time; most others wake somebody, and are none of ours.
void add_waits_until(std::vector<sock_filter>& filter) {
  constexpr auto kOperation = offsetof(seccomp_data, args) + sizeof(seccomp_data::args[0]);
  constexpr auto kMask = ~static_cast<unsigned>(FUTEX_PRIVATE_FLAG);
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 4));
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kOperation));
  filter.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kMask));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAIT_BITSET, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
}

}  // namespace

void stop_at_calls(const Plan& plan) {
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const Call& call : calls()) {
    if (!must_stop(plan, call)) continue;
    // One instruction back each, so that the distance fits whatever the number of calls.
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call.number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  if (plan.wall_us != 0) add_waits_until(filter);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(kTrouble);
  }
}

}  // namespace porpoise::fault
