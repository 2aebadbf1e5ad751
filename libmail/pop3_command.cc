#include "libmail/pop3_command.h"

#include <algorithm>
#include <utility>

#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

constexpr std::pair<std::string_view, Pop3Verb> kVerbs[] = {
    {"USER", Pop3Verb::user}, {"PASS", Pop3Verb::pass}, {"APOP", Pop3Verb::apop},
    {"CAPA", Pop3Verb::capa}, {"QUIT", Pop3Verb::quit}, {"NOOP", Pop3Verb::noop},
    {"STAT", Pop3Verb::stat}, {"LIST", Pop3Verb::list}, {"UIDL", Pop3Verb::uidl},
    {"RETR", Pop3Verb::retr}, {"TOP", Pop3Verb::top},   {"DELE", Pop3Verb::dele},
    {"RSET", Pop3Verb::rset}, {"LAST", Pop3Verb::last},
};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

Pop3Verb verb_of(std::string_view word) {
  for (const auto& [name, verb] : kVerbs) {
    if (std::ranges::equal(word, name, {}, upper)) return verb;
  }
  return Pop3Verb::unknown;
}

}  // namespace

Pop3Command parse_pop3_command(std::string_view line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  Pop3Command command;
  command.verb = verb_of(line.substr(0, space));
  command.argument = line.substr(std::min(space + 1, line.size()));
  return command;
}

std::vector<std::string_view> pop3_words(std::string_view argument, std::size_t max_words) {
  std::vector<std::string_view> words;
  while (words.size() <= max_words) {
    argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
    if (argument.empty()) break;
    const std::size_t end = std::min(argument.find(' '), argument.size());
    words.push_back(argument.substr(0, end));
    argument.remove_prefix(end);
  }
  return words;
}

std::optional<std::uint64_t> pop3_number(std::string_view word) {
  constexpr std::uint64_t kMost = UINT64_MAX;
  if (word.empty() || (word.size() > 1 && word.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : word) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (kMost - digit) / 10 ? kMost : value * 10 + digit;
  }
  return value;
}

bool is_pop3_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxPop3NameOctets && is_utf8(name) &&
         std::ranges::none_of(
             name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace porpoise::mail
