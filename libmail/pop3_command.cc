#include "libmail/pop3_command.h"

#include <algorithm>
#include <string.h>
#include <utility>

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

// The length of the UTF-8 sequence that `text` begins with, by the ranges of RFC 3629 section 4; 0
// where it is malformed.
std::size_t utf8_length(std::string_view text) {
  const auto octet = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = octet(0), second = octet(1);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned low = 0x80, high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (first == 0xe0) low = 0xa0;   // overlong
  if (first == 0xed) high = 0x9f;  // surrogates
  if (first == 0xf0) low = 0x90;   // overlong
  if (first == 0xf4) high = 0x8f;  // beyond U+10FFFF
  if (length == 0 || second < low || second > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (octet(i) < 0x80 || octet(i) > 0xbf) return 0;
  }
  return length;
}

}  // namespace

std::size_t Pop3LineReader::feed(std::string_view in) {
  const std::size_t end = in.find('\n');
  const std::string_view piece = in.substr(0, end);
  // One octet more than fits is kept, since it may be the CR of the line's end.
  const std::size_t room = max_octets_ - 1 - std::min(line_.size(), max_octets_ - 1);
  line_.append(piece.substr(0, room));
  if (piece.size() > room) too_long_ = true;
  if (end == std::string_view::npos) return in.size();

  complete_ = true;
  if (line_.ends_with('\r')) {
    line_.pop_back();
  } else if (line_.size() + 2 > max_octets_) {
    too_long_ = true;
  }
  if (too_long_) line_.clear();
  return end + 1;
}

void Pop3LineReader::clear() {
  // The string keeps its room, and what was cut off may still lie in it.
  line_.resize(line_.capacity());
  ::explicit_bzero(line_.data(), line_.size());
  line_.clear();
  complete_ = too_long_ = false;
}

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
  if (name.empty() || name.size() > kMaxPop3NameOctets) return false;
  for (std::size_t at = 0; at < name.size();) {
    const auto c = static_cast<unsigned char>(name[at]);
    const std::size_t length = utf8_length(name.substr(at));
    if (c < 0x20 || c == 0x7f || length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace porpoise::mail
