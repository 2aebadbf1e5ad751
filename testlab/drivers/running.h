// A `porpoise run` whose log tells what it is doing.

#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "stillness.h"
#include "system.h"

namespace porpoise::driver {

class Running {
 public:
  explicit Running(const System& system);

  bool ended() const { return ended_; }
  /// Until send has said how much it does at once, or nothing has been said for long.
  void until_ready();
  /// Until there is this file.
  void until_there(const std::string& path);
  /// Until all is delivered, or was tried and waits.
  void until_quiet();
  /// The next lines of its log; false: there are none, and nothing moves.
  bool goes_on();
  /// Has all that waits tried at once.
  void try_all();
  /// Asks it to end; how it has ended, as wait(2) has it.
  int stop();

 private:
  bool read(int patience_ms);
  void hear(std::string_view line);
  bool all_asleep();
  bool is_busy() const;
  bool all_known_are_over() const;

  pid_t process_;
  int log_ = -1;
  std::string rest_;  // of a line
  bool ended_ = false;
  bool ready_ = false;
  std::set<std::string> new_, over_, tried_;      // messages
  std::map<std::string, std::string> under_way_;  // deliveries, and of which message
};

}  // namespace porpoise::driver
