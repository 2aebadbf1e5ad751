// A delivery that is told to end does so between two acts, never in the middle of one: half a
// message in an mbox would be joined to the next.

#pragma once

#include <chrono>
#include <signal.h>

namespace porpoise::local {

/// While it lives, SIGTERM, SIGINT, SIGHUP and SIGCHLD wait until they are asked for.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  enum class Woken {
    time,   ///< nothing came
    child,  ///< SIGCHLD
    end,    ///< we were told to end; told again at each later call
  };
  /// Waits for at most `longest`; 0 only looks.
  Woken wait(std::chrono::milliseconds longest);

 private:
  sigset_t held_;
  sigset_t before_;
  bool ending_ = false;
};

}  // namespace porpoise::local
