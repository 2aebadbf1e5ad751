#include "send/ruling.h"

#include <algorithm>
#include <functional>

namespace porpoise::send {
namespace {

bool is_about_destination(const mail::StatusCode& code) {
  if (code.subject == 2) return code.detail != 3;
  if (code.subject == 3) return code.detail != 4;
  return code.subject == 4;
}

std::string name_of(std::string_view routed, Channel channel) {
  if (channel == Channel::remote) routed.remove_prefix(routed.rfind('@') + 1);  // npos + 1 is 0
  std::string name(routed);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

Destination key_of(char kind, const std::string& name, std::uint64_t seed) {
  std::string key(reinterpret_cast<const char*>(&seed), sizeof seed);
  key += kind;
  key += name;
  return std::hash<std::string>{}(key) | 1;  // never 0
}

}  // namespace

Ruling rule_on(const mail::RetryRules& rules, std::string_view address, std::string_view routed,
               Channel channel, std::string_view report) {
  Ruling ruling;
  const bool remote = channel == Channel::remote;
  ruling.plan = rules.plan({.address = address, .remote = remote, .report = report});
  const std::vector<mail::StatusCode> codes = mail::ReportStatus::all(report);
  if (codes.empty() || !ruling.plan->remember) return ruling;
  const mail::StatusCode& code = codes.front();
  ruling.error = 1U + code.subject * 1000U + code.detail;
  ruling.about_destination = std::ranges::all_of(codes, is_about_destination);
  ruling.unreachable =
      remote && ruling.about_destination &&
      std::ranges::any_of(codes, [](const mail::StatusCode& c) { return c.subject == 4; });
  ruling.name = name_of(routed, channel);
  return ruling;
}

Destination destination_of(std::string_view routed, Channel channel, std::uint64_t seed) {
  return key_of(channel == Channel::remote ? 'r' : 'l', name_of(routed, channel), seed);
}

Destination crowd_of(std::string_view routed, Channel channel, std::uint64_t seed) {
  if (channel == Channel::remote) return destination_of(routed, channel, seed);
  const std::string name = name_of(routed, channel);
  return key_of('u', name.substr(0, std::min(name.find('-'), name.rfind('@'))), seed);
}

}  // namespace porpoise::send
