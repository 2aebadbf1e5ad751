#include "send/settings.h"

#include <algorithm>
#include <array>
#include <optional>

#include "instance/control.h"
#include "instance/remote.h"
#include "instance/retry_rules.h"

namespace porpoise::send {
namespace {

struct Number {
  const char* name;
  std::uint32_t Limits::* value;
  std::int64_t least;
};
// To hold all mail of a channel is one thing, and to hold each destination's is none.
constexpr std::array<Number, 4> kNumbers = {{{"concurrencylocal", &Limits::deliveries, 0},
                                             {"concurrencyremote", &Limits::remote, 0},
                                             {"concurrencyrecipient", &Limits::per_recipient, 1},
                                             {"concurrencyhost", &Limits::per_host, 1}}};

Result<std::uint32_t> read_number(const Control& control, const Number& number) {
  Result<std::int64_t> value = control.number_or(number.name, Limits{}.*number.value);
  if (!value) return failed(value);
  if (*value < number.least || *value > Settings::kMaxDeliveries) {
    return temporary("control/{}: {} is not from {} to {}", number.name, *value, number.least,
                     Settings::kMaxDeliveries);
  }
  return static_cast<std::uint32_t>(*value);
}

}  // namespace

void Settings::read_limits(const Instance& instance, const Trouble& trouble) {
  const Control control(instance.folder());
  for (const Number& number : kNumbers) {
    const Result<std::uint32_t> value = read_number(control, number);
    if (value) {
      limits_.*number.value = *value;
    } else {
      trouble(std::string("control/") + number.name, value.error());
    }
  }
  const Result<std::int64_t> lifetime = control.number_or("queuelifetime", Limits{}.lifetime_s);
  if (lifetime) {
    limits_.lifetime_s = std::min(*lifetime, mail::kMaxRetryLifetime);
  } else {
    trouble("control/queuelifetime", lifetime.error());
  }
  limits_.open_per_class = 2 * (std::size_t{limits_.deliveries} + limits_.remote) + kSparePlaces;
}

void Settings::read(const Instance& instance, const Trouble& trouble) {
  if (Result<Router> router = Router::load(instance); router) {
    router_ = std::move(*router);
  } else {
    trouble("the routing tables", router.error());
  }
  if (Result<std::optional<RemoteProgram>> remote = RemoteProgram::load(instance); !remote) {
    trouble("control/remote", remote.error());
  }
  read_limits(instance, trouble);
  if (Result<mail::RetryRules> rules = read_retry_rules(instance); rules) {
    rules_ = std::move(*rules);
  } else {
    trouble("control/retry", rules.error());
  }
}

Result<Settings> Settings::load(const Instance& instance) {
  Settings settings;
  std::optional<Error> first;
  settings.read(instance, [&first](std::string_view, const Error& why) {
    if (!first) first = why;
  });
  if (first) return tl::make_unexpected(*first);
  return settings;
}

std::vector<std::string> Settings::reload(const Instance& instance) {
  std::vector<std::string> lines;
  read(instance, [&lines](std::string_view what, const Error& why) {
    const bool several = what == "the routing tables";
    lines.push_back(fmt::format("alert: unable to reread {}, the old {}: {}", what,
                                several ? "ones stay" : "value stays", why.text));
  });
  return lines;
}

}  // namespace porpoise::send
