#include "local/signals.h"

#include <cerrno>
#include <time.h>

namespace porpoise::local {

HeldSignals::HeldSignals() {
  sigemptyset(&held_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&held_, signal);
  // Whoever started us may have ignored it, and then nobody learns how a child ended.
  (void)::signal(SIGCHLD, SIG_DFL);
  (void)::sigprocmask(SIG_BLOCK, &held_, &before_);
}

HeldSignals::~HeldSignals() {
  (void)::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

HeldSignals::Woken HeldSignals::wait(std::chrono::milliseconds longest) {
  if (ending_) return Woken::end;
  const timespec limit{static_cast<time_t>(longest.count() / 1000),
                       static_cast<long>(longest.count() % 1000) * 1'000'000};
  const int signal = ::sigtimedwait(&held_, nullptr, &limit);
  if (signal < 0) return Woken::time;  // EAGAIN, or EINTR by a signal that is not ours
  if (signal == SIGCHLD) return Woken::child;
  ending_ = true;
  return Woken::end;
}

}  // namespace porpoise::local
