// What send is told by control files, as far as it keeps it: read when it starts and on SIGHUP. A
// file that is wrong changes nothing of what was right before.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "instance/instance.h"
#include "instance/resolver.h"
#include "libmail/result.h"
#include "libmail/retry_rules.h"
#include "send/actions.h"

namespace porpoise::send {

class Settings {
 public:
  static constexpr std::int64_t kMaxDeliveries = 500;  ///< of each channel
  static constexpr std::size_t kSparePlaces = 100;     ///< for messages open without a delivery

  /// Every file must be right. Errors name the file, and the line where it has several.
  static Result<Settings> load(const Instance& instance);

  /// What is right now counts from now on; what is not stays as it was, and is told: each is a line
  /// for the log.
  std::vector<std::string> reload(const Instance& instance);

  const Limits& limits() const { return limits_; }
  const Router& router() const { return router_; }
  const mail::RetryRules& rules() const { return rules_; }

 private:
  Settings() = default;
  using Trouble = std::function<void(std::string_view what, const Error& why)>;
  void read(const Instance& instance, const Trouble& trouble);
  void read_limits(const Instance& instance, const Trouble& trouble);

  Limits limits_;
  Router router_;
  mail::RetryRules rules_;
};

}  // namespace porpoise::send
