// A `porpoise run` whose log tells what it is doing.

#pragma once

#include <map>
#include <optional>
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
  bool goes_on() { return reads_or_rests(kQuiet, kPause); }
  /// Has all that waits tried at once.
  void try_all();
  /// Asks it to end; how it has ended, as wait(2) has it.
  int stop();

 private:
  // How long nothing is said, in looks at who sleeps. Where all have slept for kQuiet, nothing
  // comes any more: that is longer than the clock they are given takes for a step; kRest: the same
  // where something was to come. Nobody has more than kPatience. After kPause one may ask them
  // again.
  static constexpr int kLookMs = 20, kPause = 2, kQuiet = 15, kRest = 25, kPatience = 150;

  bool read(int patience_ms);
  bool reads_or_rests(int looks, int rest);
  void hear(std::string_view line);
  std::optional<Turns> who_sleeps() const;
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
