// The password file, asked by a child that has no privilege: what libc's NSS loads and talks to
// runs neither as root nor where a mistake of it could reach another delivery.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "instance/instance.h"
#include "instance/resolver.h"
#include "libmail/result.h"
#include "posix/unique_fd.h"

namespace porpoise::spawn {

inline constexpr std::size_t kMaxAnswerOctets = std::size_t{256} * 1024;

struct Lookup {
  pid_t pid = 0;
  posix::UniqueFd answer;  ///< non-blocking; complete when its other end is closed
};

/// Starts it, as the network identity. It has been forked, not executed, so that others of that
/// uid can neither trace it nor see its memory; it writes no file and executes nothing.
Result<Lookup> start_lookup(const Instance& instance, std::string_view local_part);

std::string encode_answer(const Result<std::vector<Account>>& accounts);

/// The accounts to be tried, in order. Whatever the answer says: each is one of
/// password_account()'s for this local part. Temporary errors: the look-up failed, or has not said
/// all.
Result<std::vector<Account>> decode_answer(const Identities& identities,
                                           std::string_view local_part, std::string_view answer);

/// Answers of the last moments, so that a burst of mail for one user is one look-up. Pure.
class RecentAnswers {
 public:
  static constexpr std::int64_t kFreshUs = 2'000'000;  ///< later it is asked again
  static constexpr std::size_t kMost = 1000;           ///< answers

  /// Lent until the next call; nullptr: ask.
  const std::vector<Account>* find(const std::string& local_part, std::int64_t now_us) const;
  void keep(const std::string& local_part, std::vector<Account> accounts, std::int64_t now_us);

 private:
  struct Answer {
    std::vector<Account> accounts;
    std::int64_t until_us = 0;
  };
  std::map<std::string, Answer> answers_;
};

}  // namespace porpoise::spawn
