// What each uid has of the serving side of queue: connections, messages on their way, messages in
// the queue. Pure: the clock and the look into the queue are arguments.

#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "queue/id.h"
#include "queue/submit_limits.h"

namespace porpoise::queue {

class Usage {
 public:
  /// A message that was in the queue when it was looked at last.
  struct Stored {
    Id id;
    std::uint64_t octets = 0;
  };

  /// `own`: root and the instance's accounts.
  Usage(SubmitLimits limits, std::set<uid_t> own)
      : limits_(std::move(limits)), own_(std::move(own)) {}

  const SubmitLimits& limits() const { return limits_; }
  void set_limits(SubmitLimits limits) { limits_ = std::move(limits); }
  bool is_own(uid_t uid) const { return own_.contains(uid); }

  /// Each gives what to tell the client where its limit is reached, and then has counted nothing.
  /// Times are microseconds of a clock that is never set.
  std::optional<std::string> connect(uid_t uid);
  bool all_taken(uid_t uid) const;  ///< the connections that are there for everybody
  std::optional<std::string> begin_message(uid_t uid, std::int64_t now_us);
  std::optional<std::string> add_octets(uid_t uid, std::uint64_t octets);
  std::optional<std::string> add_memory(uid_t uid, std::size_t octets);

  void disconnect(uid_t uid);
  void take_memory(uid_t uid, std::size_t octets);  ///< back from what add_memory() has given
  /// Ends what begin_message() began: it is in the queue, or not.
  void end_message(uid_t uid, std::uint64_t octets, const std::optional<Id>& queued);
  /// A message that was in the queue when we started.
  void found(uid_t uid, const Stored& stored);

  /// Messages leave the queue without telling us. Those of a uid that are to be looked for now,
  /// and none where that need not be; while they are away nothing of them is forgotten.
  std::vector<Stored> to_look_for(uid_t uid, std::int64_t now_us);
  void looked_for(uid_t uid, std::vector<Stored> still_there);

  std::size_t connections() const { return connections_; }

 private:
  struct Account {
    std::uint64_t connections = 0;
    std::uint64_t coming = 0;         // messages on their way
    std::uint64_t coming_octets = 0;  // of these
    std::size_t memory = 0;
    std::vector<Stored> stored;
    std::uint64_t away = 0;         // of stored, those that are looked for now
    std::uint64_t away_octets = 0;  // of these
    std::uint64_t octets = 0;       // of stored
    std::uint64_t look_at = kFewest;
    std::int64_t looked_us = 0;
    double tokens = 0;  // messages that may be begun at once
    std::int64_t tokens_us = -1;
  };
  static constexpr std::uint64_t kFewest = 1024;       // stored messages: nobody minds more
  static constexpr std::int64_t kPauseUs = 1'000'000;  // between two looks

  const UidLimits& limits_of(uid_t uid) const;
  void fill(Account& account, const UidLimits& limits, std::int64_t now_us) const;

  SubmitLimits limits_;
  std::set<uid_t> own_;
  std::map<uid_t, Account> accounts_;
  std::size_t connections_ = 0;
  std::size_t memory_ = 0;
};

}  // namespace porpoise::queue
