// `porpoise retry-explain`: when mail for an address is tried again, by which rule, until when.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libmail/result.h"
#include "libmail/retry_rules.h"

namespace porpoise::front {

struct RetryWish {
  std::optional<std::string> instance;
  std::string address;
  std::string error;  ///< what a delivery reported, or a status: "4.7.1"
  bool json = false;
};

/// 0, or what went wrong: those of Instance::find and require_owner, and control files that are
/// wrong.
Result<int> retry_explain(const RetryWish& wish);

/// What it prints. Pure.
struct RetryExplanation {
  static constexpr std::size_t kMostAttempts = 1000;  ///< that are listed

  std::string address;
  std::string route;
  std::string error;
  mail::RetryPlan plan;
  std::int64_t lifetime_s = 0;
  std::vector<std::int64_t> ages_s;  ///< of the attempts; kMostAttempts: there may be more

  std::string text() const;
  std::string json() const;  ///< one object, with its LF
};

/// "0s", "6m40s", "1d2h".
std::string print_age(std::int64_t seconds);

}  // namespace porpoise::front
