#include "send/log_entry.h"

#include <fmt/format.h>

#include "queue/listing.h"
#include "send/log_text.h"

namespace porpoise::send {
namespace {

std::string json_value(const LogEntry::Fact& fact) {
  if (const auto* number = std::get_if<std::int64_t>(&fact.value)) return std::to_string(*number);
  return queue::json_string(std::get<std::string>(fact.value));
}

std::string plain_value(const LogEntry::Fact& fact) {
  if (const auto* number = std::get_if<std::int64_t>(&fact.value)) return std::to_string(*number);
  return log_safe(std::get<std::string>(fact.value));
}

}  // namespace

LogEntry log_entry(std::string story) {
  LogEntry entry;
  const std::size_t colon = story.find(": ");
  const std::string_view word = std::string_view(story).substr(0, colon);
  entry.event = word == "alert" ? "alert" : word == "warning" ? "warning" : "note";
  const bool named = entry.event != std::string_view("note");
  entry.told.push_back({"text", named ? story.substr(colon + 2) : story});
  entry.story = std::move(story);
  return entry;
}

std::string plain_line(const LogEntry& entry) {
  std::string line = entry.story;
  for (const LogEntry::Fact& fact : entry.facts) {
    if (!line.empty()) line += ' ';
    line += fmt::format("{}={}", fact.name, plain_value(fact));
  }
  return line;
}

std::string json_line(std::string_view time, const LogEntry& entry) {
  std::string line = fmt::format("{{\"time\":{},\"event\":{}", queue::json_string(time),
                                 queue::json_string(entry.event));
  for (const auto* facts : {&entry.told, &entry.facts}) {
    for (const LogEntry::Fact& fact : *facts) {
      line += fmt::format(",\"{}\":{}", fact.name, json_value(fact));
    }
  }
  return line + '}';
}

}  // namespace porpoise::send
