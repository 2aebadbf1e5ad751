#include "libmail/retry_rules.h"

#include <algorithm>
#include <cmath>

#include "libmail/control_file.h"
#include "libmail/quantity.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

constexpr std::int64_t kMaxStep = 10'000;

std::int64_t root(std::int64_t n) {
  auto r = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
  while (r * r > n) --r;
  while ((r + 1) * (r + 1) <= n) ++r;
  return r;
}

std::string lower(std::string_view text) {
  count_steps(text.size());
  std::string s(text);
  for (char& c : s) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return s;
}

std::vector<std::string_view> split(std::string_view text, std::string_view at, bool keep_empty) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(at), text.size());
    if (end > 0 || keep_empty) words.push_back(text.substr(0, end));
    count_steps(end + 1);
    if (end == text.size()) return words;
    text.remove_prefix(end + 1);
    if (text.empty() && keep_empty) words.emplace_back();
  }
  return words;
}

// What is shown of a word that is wrong: an error is one line that can be read.
std::string shown(std::string_view word) {
  constexpr std::size_t kMost = 60;
  std::string s(word.substr(0, kMost));
  for (char& c : s) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 32 || octet >= 127) c = '?';
  }
  return word.size() > kMost ? s + "..." : s;
}

Result<std::int64_t> time_of(std::string_view value, std::int64_t least, std::int64_t most) {
  Result<std::chrono::seconds> time = parse_time(value, std::chrono::seconds(most));
  if (!time) return permanent("{}", shown(time.error().text));
  if (time->count() < least) {
    return permanent("\"{}\" is too short a time: at least {}", shown(value),
                     print_time(std::chrono::seconds(least)));
  }
  return time->count();
}

// The domain of an address, or the whole where it has none.
std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? address : address.substr(at + 1);
}

}  // namespace

std::int64_t quadratic_attempt(std::int64_t birth_s, std::int64_t now_s, std::int64_t step) {
  const std::int64_t age = std::max<std::int64_t>(now_s - birth_s, 0);
  const std::int64_t r = root(age) + step;
  return now_s - age + r * r;
}

std::int64_t RetryPlan::next(std::int64_t birth_s, std::int64_t last_s,
                             std::uint32_t attempts) const {
  const std::int64_t latest = last_s + longest_s;
  if (waits.empty()) {
    // Here since a time that is still to come: the attempts tell how old it is.
    if (birth_s > last_s) {
      const std::int64_t r = (std::min<std::int64_t>(attempts, kMostCountedAttempts) - 1) * step;
      birth_s = last_s - std::max<std::int64_t>(r, 0) * r;
    }
    return std::clamp(quadratic_attempt(birth_s, last_s, step), last_s + 1, latest);
  }
  const std::size_t which = std::min<std::size_t>(std::max(attempts, 1U), waits.size()) - 1;
  return std::min(last_s + waits[which], latest);
}

std::vector<StatusCode> ReportStatus::all(std::string_view report) {
  std::vector<StatusCode> codes;
  for (std::string_view word : split(report, " \t\r\n", false)) {
    if (word.starts_with("(#")) word = word.substr(2, word.find(')', 2) - 2);
    const auto code = StatusCode::parse(word);
    if (code && codes.size() < kMost) codes.push_back(*code);
  }
  return codes;
}

// ---- the file

Result<RetryRules> RetryRules::parse(std::string_view file, std::string_view text) {
  Result<std::vector<ControlEntry>> entries =
      control_list(file, text, {.line_octets = 4096, .entries = kMaxRetryRules});
  if (!entries) return failed(entries);
  RetryRules rules;
  for (const ControlEntry& entry : *entries) {
    Result<Rule> rule = parse_rule(entry.text);
    if (!rule) return permanent("{} line {}: {}", file, entry.line, rule.error().text);
    rule->plan.line = entry.line;
    rules.rules_.push_back(std::move(*rule));
  }
  return rules;
}

Result<RetryRules::Rule> RetryRules::parse_rule(std::string_view line) {
  const std::vector<std::string_view> words = split(line, " \t", false);
  if (words.size() < 3) {
    return permanent("want a pattern, an error and at least one setting: * * lifetime=5d");
  }
  Rule rule;
  if (Result<> done = parse_pattern(rule, words[0]); !done) return failed(done);
  if (Result<> done = parse_error(rule, words[1]); !done) return failed(done);
  for (auto word = words.begin() + 2; word != words.end(); ++word) {
    const std::size_t equals = word->find('=');
    if (equals == std::string_view::npos) {
      return permanent("\"{}\" is no setting: want NAME=VALUE", shown(*word));
    }
    const std::string_view name = word->substr(0, equals);
    const bool twice = std::any_of(words.begin() + 2, word, [&](std::string_view w) {
      return w.substr(0, w.find('=')) == name;
    });
    if (twice) return permanent("{} is said twice", shown(name));
    Result<> done = parse_setting(rule, name, word->substr(equals + 1));
    if (!done) return failed(done);
  }
  if (rule.quadratic && !rule.plan.waits.empty()) {
    return permanent("waits and quadratic are two schedules: want one of them");
  }
  return rule;
}

Result<> RetryRules::parse_pattern(Rule& rule, std::string_view word) {
  using enum Rule::Where;
  rule.name = lower(word);
  if (word == "*") {
    rule.where = any;
  } else if (rule.name == "local" || rule.name == "remote") {
    rule.where = rule.name == "local" ? local : remote;
  } else if (word.starts_with('.') || word.starts_with("*.")) {
    rule.where = suffix;
    if (word.front() == '*') rule.name.erase(0, 1);
  } else if (word.find('@') != std::string_view::npos) {
    rule.where = word.starts_with("*@") ? domain : address;
    if (rule.where == domain) rule.name.erase(0, 2);
  } else {
    rule.where = domain;
  }
  const bool ends_early = rule.name.empty() || rule.name == "." || rule.name.ends_with('@');
  if (ends_early || (rule.where != any && rule.name.find('*') != std::string::npos)) {
    return permanent("\"{}\" is no pattern: want *, local, remote, user@host, host or .suffix",
                     shown(word));
  }
  return {};
}

Result<> RetryRules::parse_error(Rule& rule, std::string_view word) {
  if (word == "*") return {};
  if (word.starts_with('~') && word.size() > 1) {
    rule.error = Rule::Error::text;
    rule.words = lower(word.substr(1));
    return {};
  }
  rule.error = Rule::Error::status;
  const std::vector<std::string_view> parts = split(word, ".", true);
  std::optional<std::uint16_t>* const into[] = {&rule.klass, &rule.subject, &rule.detail};
  bool good = parts.size() >= 2 && parts.size() <= 3;
  for (std::size_t i = 0; good && i < parts.size(); ++i) {
    if (parts[i] == "*") continue;
    const auto number = parse_digits(parts[i], 999);
    good = number.has_value() && parts[i].size() <= 3;
    if (good) *into[i] = static_cast<std::uint16_t>(*number);
  }
  if (good && rule.klass == 5) {
    return permanent("{}: what failed for good is never tried again", shown(word));
  }
  if (!good || (rule.klass && rule.klass != 4)) {
    return permanent("\"{}\" is no error: want *, a status like 4.7.* or ~TEXT", shown(word));
  }
  return {};
}

Result<> RetryRules::parse_setting(Rule& rule, std::string_view name, std::string_view value) {
  const auto wrong = [&](const Error& e) { return permanent("{}: {}", shown(name), e.text); };
  if (name == "waits") {
    const std::vector<std::string_view> words = split(value, ",", true);
    if (words.size() > kMaxRetryWaits) {
      return permanent("waits: more than {} times", kMaxRetryWaits);
    }
    for (const std::string_view word : words) {
      const Result<std::int64_t> wait = time_of(word, 1, kMaxRetryWait);
      if (!wait) return wrong(wait.error());
      rule.plan.waits.push_back(static_cast<std::int32_t>(*wait));
    }
    if (words.empty()) return permanent("waits: want times: 5m,15m,1h");
    return {};
  }
  if (name == "quadratic") {
    const auto step = parse_digits(value, kMaxStep);
    if (!step || *step == 0) {
      return permanent("quadratic: \"{}\" is no number from 1 to {}", shown(value), kMaxStep);
    }
    rule.plan.step = static_cast<std::int64_t>(*step);
    rule.quadratic = true;
    return {};
  }
  if (name == "longest" || name == "lifetime") {
    const bool is_wait = name == "longest";
    const Result<std::int64_t> time =
        time_of(value, is_wait ? 1 : 0, is_wait ? kMaxRetryWait : kMaxRetryLifetime);
    if (!time) return wrong(time.error());
    (is_wait ? rule.plan.longest_s : rule.plan.lifetime_s) = *time;
    return {};
  }
  if (name == "remember") {
    if (value != "yes" && value != "no") {
      return permanent("remember: \"{}\" is neither yes nor no", shown(value));
    }
    rule.plan.remember = value == "yes";
    return {};
  }
  return permanent(
      "\"{}\" is no setting: there are waits, quadratic, longest, lifetime and remember",
      shown(name));
}

// ---- the answer

bool RetryRules::Rule::fits(const RetrySubject& s, std::string_view lower_address,
                            std::string_view report, const std::vector<StatusCode>& codes) const {
  const std::string_view host = domain_of(lower_address);
  switch (where) {
    case Where::any:
      break;
    case Where::local:
    case Where::remote:
      if (s.remote != (where == Where::remote)) return false;
      break;
    case Where::address:
      if (lower_address != name) return false;
      break;
    case Where::domain:
      if (host != name) return false;
      break;
    case Where::suffix:
      if (!host.ends_with(name)) return false;
      break;
  }
  if (error == Error::any) return true;
  if (error == Error::text) return report.find(words) != std::string_view::npos;
  return std::ranges::any_of(codes, [this](const StatusCode& code) {
    return (!klass || *klass == code.klass) && (!subject || *subject == code.subject) &&
           (!detail || *detail == code.detail);
  });
}

RetryPlan RetryRules::plan(const RetrySubject& subject) const {
  const std::int64_t usual = subject.remote ? kRetryStepRemote : kRetryStepLocal;
  if (!rules_.empty()) {
    const std::string address = lower(subject.address);
    std::string report = lower(subject.report);
    const std::vector<StatusCode> codes = ReportStatus::all(report);
    // As the log shows it, so that a word can be taken from there.
    std::ranges::replace_if(report, [](char c) { return c == ' ' || c == '\t'; }, '_');
    for (const Rule& rule : rules_) {
      if (!rule.fits(subject, address, report, codes)) continue;
      RetryPlan plan = rule.plan;
      if (!rule.quadratic) plan.step = usual;
      return plan;
    }
  }
  RetryPlan plan;
  plan.step = usual;
  return plan;
}

std::vector<std::int64_t> retry_ages(const RetryPlan& plan, std::int64_t lifetime_s,
                                     std::size_t most) {
  std::vector<std::int64_t> ages;
  for (std::int64_t age = 0; ages.size() < most;) {
    ages.push_back(age);
    if (age > lifetime_s) break;
    age = plan.next(0, age, static_cast<std::uint32_t>(ages.size()));
  }
  return ages;
}

}  // namespace porpoise::mail
