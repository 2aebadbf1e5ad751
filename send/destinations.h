// What is known of each destination that does not take its mail: since when, why, and whether mail
// was returned for it. Pure. A hint, in memory only: what is forgotten costs an attempt.

#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "send/actions.h"

namespace porpoise::send {

class Destinations {
 public:
  static constexpr std::size_t kMost = 10'000;  ///< then the one that failed longest ago goes
  static constexpr Time kForgetAfter = Time{7} * 86400 * kSecond;  ///< without any failure
  static constexpr std::size_t kMaxErrorOctets = 200;

  struct State {
    Destination to = 0;
    std::string name;
    Time first_failure = 0;  ///< since the last success
    Time last_failure = 0;
    Time next_try = 0;  ///< others wait for this one; 0: they do not
    std::uint32_t error = 0;
    std::string text;  ///< of the last error
    bool given_up = false;
  };

  /// It was tried and deferred, for a reason that is about the destination. `next`: when that is
  /// tried again. True: that is news.
  bool failed(Destination to, const Ruling& why, const std::string& text, Time next, Time now);
  /// A message has been returned for this.
  void returned(Destination to, std::uint32_t error);
  /// It took a message. True: it had not taken one before.
  bool succeeded(Destination to);

  /// What was given up with that error, and has taken nothing since; else nullptr.
  const State* given_up(Destination to, std::uint32_t error, Time now) const;
  /// Until when only the one that is to find out is tried there; 0: try.
  Time wait_until(Destination to, Time now) const;
  /// All may be tried at once again.
  void try_all();

  const State* find(Destination to) const;
  std::size_t size() const { return states_.size(); }
  void clock_stepped(Time by);

 private:
  std::list<State> states_;  // the one that failed last in front
  std::unordered_map<Destination, std::list<State>::iterator> by_;
};

}  // namespace porpoise::send
