// Looking over the whole queue, and putting right what can be: what `porpoise check-queue` does.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::queue {

struct Finding {
  enum class End {
    left,      ///< it is still so
    repaired,  ///< it was so
    note,      ///< worth knowing; nothing is wrong
  };
  std::string path;  ///< below the instance, printable
  std::string what;  ///< one line
  std::string done;  ///< repaired: what was done about it; left: why it could not be
  End end = End::left;
};

struct CheckResult {
  std::uint64_t messages = 0;  ///< looked at, the damaged ones included
  std::uint64_t octets = 0;    ///< of their files
  std::uint64_t found = 0;     ///< findings but notes
  std::uint64_t repaired = 0;  ///< of those
  bool live = false;           ///< a send was at work: what it is about to put right is not told
};

/// Reads every file of the queue, and tells of what is not as queue(5) says. With `repair` it does
/// what can be done under the queue's lock. Nothing that may hold a message is ever removed: it is
/// put into its place, written anew, or put aside into queue/damaged. Run again, it finds nothing
/// more than what it told it could not put right.
///
/// Errors: the queue cannot be looked at; with `repair`, a send has its lock.
Result<CheckResult> check(const Instance& instance, bool repair,
                          const std::function<void(const Finding&)>& tell);

}  // namespace porpoise::queue
