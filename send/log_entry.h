// One thing that happened, for the log: the story line that people's analysers know, and the same
// as facts. Pure.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace porpoise::send {

struct LogEntry {
  struct Fact {
    const char* name;
    std::variant<std::int64_t, std::string> value;
  };
  const char* event = "";     ///< what happened, in one word
  std::string story{};        ///< the line, in the words of reference 5.10
  std::vector<Fact> told{};   ///< facts that the story tells
  std::vector<Fact> facts{};  ///< facts that it does not tell: they follow it as name=value
};

/// "alert: ..." and "warning: ..." are events of that name, all else is "note".
LogEntry log_entry(std::string story);

/// One line without its end: "STORY name=value ...". Values from outside are words, by log_safe().
std::string plain_line(const LogEntry& entry);

/// One object on one line, without its end: {"time":TIME,"event":EVENT,NAME:VALUE,...}. Octets that
/// are no UTF-8 become U+FFFD.
std::string json_line(std::string_view time, const LogEntry& entry);

}  // namespace porpoise::send
