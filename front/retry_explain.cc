#include "front/retry_explain.h"

#include <array>

#include "instance/control.h"
#include "instance/instance.h"
#include "instance/resolver.h"
#include "instance/retry_rules.h"
#include "posix/file.h"
#include "posix/program.h"
#include "queue/listing.h"

namespace porpoise::front {
namespace {

constexpr std::int64_t kUsualLifetime = std::int64_t{7} * 86400;  // control/queuelifetime

std::string rule_text(const mail::RetryPlan& plan) {
  return plan.line == 0 ? "none of control/retry: the usual schedule"
                        : fmt::format("control/retry line {}", plan.line);
}

Result<RetryExplanation> explain(const Instance& instance, const RetryWish& wish) {
  Result<Router> router = Router::load(instance);
  if (!router) return failed(router);
  Result<mail::RetryRules> rules = read_retry_rules(instance);
  if (!rules) return failed(rules);
  Result<std::int64_t> usual =
      Control(instance.folder()).number_or("queuelifetime", kUsualLifetime);
  if (!usual) return failed(usual);
  const Route route = router->route(wish.address);
  const bool remote = route.channel == Route::Channel::remote;
  RetryExplanation e;
  e.address = wish.address.find('@') == std::string::npos ? route.address : wish.address;
  e.route = fmt::format("{}: {}", remote ? "another host" : "local", route.rule);
  e.error = wish.error;
  e.plan = rules->plan({.address = e.address, .remote = remote, .report = wish.error});
  e.lifetime_s = e.plan.lifetime_s < 0 ? *usual : e.plan.lifetime_s;
  e.ages_s = mail::retry_ages(e.plan, e.lifetime_s, RetryExplanation::kMostAttempts);
  return e;
}

}  // namespace

std::string print_age(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    char letter;
  };
  constexpr std::array<Unit, 4> kUnits = {{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  std::string text;
  for (const Unit& unit : kUnits) {
    if (seconds >= unit.seconds) text += fmt::format("{}{}", seconds / unit.seconds, unit.letter);
    seconds %= unit.seconds;
  }
  return text.empty() ? "0s" : text;
}

std::string RetryExplanation::text() const {
  std::string out =
      fmt::format("address: {}\nroute: {}\n", posix::printable(address), posix::printable(route));
  if (!error.empty()) out += fmt::format("error: {}\n", posix::printable(error));
  out += fmt::format("rule: {}\nlifetime: {}\n", rule_text(plan), print_age(lifetime_s));
  if (!plan.remember) out += "remember: no\n";
  for (std::size_t i = 0; i < ages_s.size(); ++i) {
    const bool last = ages_s[i] > lifetime_s;
    out += fmt::format("attempt {}: {}{}\n", i + 1,
                       ages_s[i] == 0 ? "at once" : "after " + print_age(ages_s[i]),
                       last ? ", the last one: then it is returned" : "");
  }
  if (!ages_s.empty() && ages_s.back() <= lifetime_s) out += "and so on\n";
  return out;
}

std::string RetryExplanation::json() const {
  std::string ages;
  for (const std::int64_t age : ages_s) ages += fmt::format("{}{}", ages.empty() ? "" : ",", age);
  const std::string line = plan.line == 0 ? "null" : std::to_string(plan.line);
  return fmt::format(
      R"({{"address":{},"route":{},"error":{},"line":{},"lifetime_s":{},"remember":{},)"
      R"("attempts_s":[{}]}})"
      "\n",
      queue::json_string(address), queue::json_string(route), queue::json_string(error), line,
      lifetime_s, plan.remember, ages);
}

Result<int> retry_explain(const RetryWish& wish) {
  Result<Instance> instance = Instance::find(wish.instance);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_submitter(); !done) return failed(done);
  Result<RetryExplanation> e = explain(*instance, wish);
  if (!e) return failed(e);
  Result<> done = posix::write_all(1, wish.json ? e->json() : e->text(), "standard output");
  if (!done) return failed(done);
  return 0;
}

}  // namespace porpoise::front
