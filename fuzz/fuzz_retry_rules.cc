// control/retry: any octets. The first line is an address and the second a report, the rest is the
// file. Held to:
//   - an error is one readable line that names the file;
//   - the plan for any address and report is within its bounds, and by a line that is there;
//   - each attempt comes after the one before it, and the ages end;
//   - the cost is in proportion to the text.

#include <string>

#include "fuzz/property.h"
#include "libmail/retry_rules.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

void check(const RetryPlan& plan, std::size_t lines) {
  require(plan.line <= lines && plan.waits.size() <= kMaxRetryWaits);
  require(plan.longest_s >= 1 && plan.longest_s <= kMaxRetryWait && plan.step >= 1);
  require(plan.lifetime_s >= -1 && plan.lifetime_s <= kMaxRetryLifetime);
  for (const std::int64_t last : {std::int64_t{0}, std::int64_t{1'000'000}}) {
    for (const std::uint32_t attempts : {0u, 1u, 7u, 4'000'000'000u}) {
      const std::int64_t next = plan.next(0, last, attempts);
      require(next > last && next <= last + plan.longest_s);
    }
  }
  const std::vector<std::int64_t> ages = retry_ages(plan, plan.lifetime_s, 50);
  require(!ages.empty() && ages.size() <= 50 && ages.front() == 0);
  for (std::size_t i = 1; i < ages.size(); ++i) require(ages[i] > ages[i - 1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string_view text = view_of(data, size);
  const std::string_view address = take_line(text);
  const std::string_view report = take_line(text);
  std::size_t lines = 0;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  const auto parse = [&] {
    const Cost cost(text.size(), 30);
    return RetryRules::parse("control/retry", text);
  };
  const auto rules = parse();
  if (!rules) {
    require(is_line(rules.error().text) && rules.error().text.starts_with("control/retry line "));
    return 0;
  }
  for (const bool remote : {false, true}) {
    const Cost cost(address.size() + report.size(), 30);
    check(rules->plan({.address = address, .remote = remote, .report = report}), lines + 1);
  }
  return 0;
}
