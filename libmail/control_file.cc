#include "libmail/control_file.h"

#include <algorithm>

#include "libmail/quantity.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

std::string_view stripped(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  count_steps(2 * line.size() + 1);
  return line;
}

Result<std::string_view> checked(std::string_view file, std::size_t number, std::string_view line,
                                 const ControlLimits& limits) {
  if (line.size() > limits.line_octets) {
    return permanent("{} line {}: more than {} octets", file, number, limits.line_octets);
  }
  if (line.find('\0') != std::string_view::npos) {
    return permanent("{} line {}: a NUL", file, number);
  }
  return stripped(line);
}

}  // namespace

Result<std::optional<std::string_view>> control_value(std::string_view file, std::string_view text,
                                                      const ControlLimits& limits) {
  const Result<std::string_view> line = checked(file, 1, take_line(text), limits);
  if (!line) return tl::make_unexpected(line.error());
  if (line->empty()) return std::optional<std::string_view>();
  return std::optional(*line);
}

Result<std::optional<std::int64_t>> control_number(std::string_view file, std::string_view text,
                                                   const ControlLimits& limits) {
  const auto value = control_value(file, text, limits);
  if (!value) return tl::make_unexpected(value.error());
  if (!*value) return std::optional<std::int64_t>();
  const auto number = parse_digits(**value, INT64_MAX);
  if (!number) return permanent("{}: \"{}\" is not a number", file, **value);
  return std::optional(static_cast<std::int64_t>(*number));
}

Result<std::vector<ControlEntry>> control_list(std::string_view file, std::string_view text,
                                               const ControlLimits& limits) {
  std::vector<ControlEntry> entries;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const Result<std::string_view> line = checked(file, number, take_line(text), limits);
    if (!line) return tl::make_unexpected(line.error());
    if (line->empty() || line->front() == '#') continue;
    if (entries.size() == limits.entries) {
      return permanent("{} line {}: more than {} entries", file, number, limits.entries);
    }
    entries.push_back({*line, number});
  }
  return entries;
}

std::optional<ControlPair> control_pair(std::string_view entry) {
  const std::size_t colon = entry.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return ControlPair{stripped(entry.substr(0, colon)), stripped(entry.substr(colon + 1))};
}

}  // namespace porpoise::mail
