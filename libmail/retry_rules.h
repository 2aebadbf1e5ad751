// control/retry: when mail that could not be delivered is tried again, by destination and by error.
// Pure. retry-rules(5) describes the file.
//
//   PATTERN ERROR NAME=VALUE ...
//
// One rule a line; the first that fits both the address and the error decides alone, and what it
// does not say is as without it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"
#include "libmail/status_code.h"

namespace porpoise::mail {

/// The step of the quadratic schedule (reference 5.4): a destination elsewhere is tried at ages
/// 400, 1600, 3600 s ..., one here at 100, 400, 900 s ...
inline constexpr std::int64_t kRetryStepLocal = 10;
inline constexpr std::int64_t kRetryStepRemote = 20;

inline constexpr std::int64_t kMaxRetryWait = 86400;  ///< seconds between two attempts, at most
inline constexpr std::size_t kMaxRetryRules = 500;    ///< of one file: each recipient is held
                                                      ///< against all
inline constexpr std::size_t kMaxRetryWaits = 100;    ///< of one rule
inline constexpr std::int64_t kMostCountedAttempts = 1'000'000;  ///< attempts that tell an age
inline constexpr std::int64_t kMaxRetryLifetime = std::int64_t{10} * 366 * 86400;

/// birth + (floor(sqrt(age)) + step)^2, with age = now - birth. All in seconds. An age below zero
/// (the clock was set back) counts as none.
std::int64_t quadratic_attempt(std::int64_t birth_s, std::int64_t now_s, std::int64_t step);

/// What holds for one recipient after one error.
struct RetryPlan {
  std::vector<std::int32_t> waits{};  ///< seconds after the first, second ... attempt; the last
                                      ///< one stays. Empty: quadratic
  std::int64_t step = kRetryStepLocal;
  std::int64_t longest_s = kMaxRetryWait;  ///< no wait is longer
  std::int64_t lifetime_s = -1;  ///< an attempt begun later is the last; -1: queuelifetime
  bool remember = true;  ///< whether what happened to others counts: see send(8), Destinations
  std::size_t line = 0;  ///< of the rule; 0: there was none

  /// When to try again after the attempt number `attempts` (from 1), made at `last_s`, of a message
  /// that is here since `birth_s`. Later than `last_s`. Where `birth_s` is
  /// later, a clock was wrong: it counts as as old as one is after so many attempts.
  std::int64_t next(std::int64_t birth_s, std::int64_t last_s, std::uint32_t attempts) const;
};

/// What a rule is held against.
struct RetrySubject {
  std::string_view address;  ///< of the envelope, with a domain
  bool remote = false;
  std::string_view report{};  ///< the last attempt's, whole; empty: there was none
};

/// The codes in a delivery's report, in order: "(#4.3.0)" and words like that of "451 4.7.1 not
/// now". A program's own comes before the one that its exit code stands for. The first kMost.
struct ReportStatus {
  static constexpr std::size_t kMost = 8;
  static std::vector<StatusCode> all(std::string_view report);
};

class RetryRules {
 public:
  RetryRules() = default;
  /// Errors are permanent, one line: "control/retry line 3: ...", `file` being the name.
  static Result<RetryRules> parse(std::string_view file, std::string_view text);

  RetryPlan plan(const RetrySubject& subject) const;
  bool empty() const { return rules_.empty(); }

 private:
  struct Rule {
    enum class Where : std::uint8_t { any, local, remote, address, domain, suffix };
    enum class Error : std::uint8_t { any, status, text };
    Where where = Where::any;
    std::string name;  // lower case
    Error error = Error::any;
    std::string words;                                    // lower case, of Error::text
    std::optional<std::uint16_t> klass, subject, detail;  // of Error::status
    bool quadratic = false;
    RetryPlan plan;

    bool fits(const RetrySubject& s, std::string_view address, std::string_view report,
              const std::vector<StatusCode>& codes) const;
  };
  static Result<Rule> parse_rule(std::string_view line);
  static Result<> parse_pattern(Rule& rule, std::string_view word);
  static Result<> parse_error(Rule& rule, std::string_view word);
  static Result<> parse_setting(Rule& rule, std::string_view name, std::string_view value);

  std::vector<Rule> rules_;
};

/// The ages, in seconds, of the attempts at what never can be delivered, the first being 0, until
/// the one after `lifetime_s`, which is the last. At most `most`.
std::vector<std::int64_t> retry_ages(const RetryPlan& plan, std::int64_t lifetime_s,
                                     std::size_t most);

}  // namespace porpoise::mail
