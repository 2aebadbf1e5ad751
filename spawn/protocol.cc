#include "spawn/protocol.h"

#include <fmt/format.h>
#include <vector>

#include "libmail/number.h"

namespace porpoise::spawn {
namespace {

// The NUL-ended fields of `octets` after its letter; nothing if they are not exactly `count`.
std::optional<std::vector<std::string>> fields_of(std::string_view octets, char letter,
                                                  std::size_t count) {
  if (octets.empty() || octets.front() != letter || octets.back() != '\0') return std::nullopt;
  octets.remove_prefix(1);
  std::vector<std::string> fields;
  while (!octets.empty()) {
    const std::size_t end = octets.find('\0');
    fields.emplace_back(octets.substr(0, end));
    octets.remove_prefix(end + 1);
  }
  if (fields.size() != count) return std::nullopt;
  return fields;
}

// A NUL inside a field would begin another one.
std::string without_nul(std::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    if (c == '\0') c = '?';
  }
  return clean;
}

std::string joined(char letter, std::initializer_list<std::string> fields) {
  std::string octets(1, letter);
  for (const std::string& field : fields) {
    octets += without_nul(field);
    octets += '\0';
  }
  return octets;
}

}  // namespace

std::string encode(const StartDelivery& m) {
  return joined(m.elsewhere ? 'E' : 'S',
                {fmt::format("{}", m.slot), m.sender, m.recipient, m.progress});
}

std::string encode(const DeliveryNote& m) {
  return joined('P', {fmt::format("{}", m.slot), m.note});
}

std::string encode(const DeliveryReport& m) {
  return joined('R', {fmt::format("{}", m.slot), std::string(1, m.letter), m.text, m.note});
}

std::optional<StartDelivery> decode_start(std::string_view octets) {
  StartDelivery m;
  m.elsewhere = octets.starts_with('E');
  auto fields = fields_of(octets, m.elsewhere ? 'E' : 'S', 4);
  if (!fields || !parse_number((*fields)[0], m.slot)) return std::nullopt;
  m.sender = std::move((*fields)[1]);
  m.recipient = std::move((*fields)[2]);
  m.progress = std::move((*fields)[3]);
  return m;
}

std::optional<DeliveryNote> decode_note(std::string_view octets) {
  auto fields = fields_of(octets, 'P', 2);
  DeliveryNote m;
  if (!fields || !parse_number((*fields)[0], m.slot)) return std::nullopt;
  m.note = std::move((*fields)[1]);
  return m;
}

std::optional<DeliveryReport> decode_report(std::string_view octets) {
  auto fields = fields_of(octets, 'R', 4);
  DeliveryReport m;
  if (!fields || !parse_number((*fields)[0], m.slot) || (*fields)[1].size() != 1)
    return std::nullopt;
  m.letter = (*fields)[1][0];
  if (m.letter != 'K' && m.letter != 'Z' && m.letter != 'D') return std::nullopt;
  m.text = std::move((*fields)[2]);
  m.note = std::move((*fields)[3]);
  return m;
}

}  // namespace porpoise::spawn
