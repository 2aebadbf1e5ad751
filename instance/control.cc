#include "instance/control.h"

#include <algorithm>
#include <charconv>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise {
namespace {

std::string_view stripped(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

std::string ascii_lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool ascii_equal(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

Result<std::optional<std::string>> Control::text(const std::string& name) const {
  Result<std::string> text = posix::read_file(folder_, prefix_ + name, kMaxControlOctets);
  if (text) return std::optional(std::move(*text));
  if (text.error().sys == ENOENT) return std::optional<std::string>();
  // Not the message's fault: what waits can go on once the file is mended.
  return temporary("{}", text.error().text);
}

Result<std::optional<std::string>> Control::line(const std::string& name) const {
  Result<std::optional<std::string>> whole = text(name);
  if (!whole || !*whole) return whole;
  const std::string_view first =
      stripped(std::string_view(**whole).substr(0, (*whole)->find('\n')));
  if (first.empty()) return std::optional<std::string>();
  return std::optional<std::string>(first);
}

Result<std::string> Control::line_or(const std::string& name, std::string otherwise) const {
  Result<std::optional<std::string>> value = line(name);
  if (!value) return failed(value);
  return value->value_or(std::move(otherwise));
}

Result<std::string> Control::line_or_me(const std::string& name) const {
  Result<std::optional<std::string>> value = line(name);
  if (!value) return failed(value);
  if (*value) return **value;
  return line_or("me", "localhost");
}

Result<std::int64_t> Control::number_or(const std::string& name, std::int64_t otherwise) const {
  Result<std::optional<std::string>> value = line(name);
  if (!value) return failed(value);
  if (!*value) return otherwise;
  std::int64_t number = 0;
  const char* end = (*value)->data() + (*value)->size();
  const auto [stop, error] = std::from_chars((*value)->data(), end, number);
  if (error != std::errc() || stop != end || number < 0) {
    return temporary("{}{}: \"{}\" is not a number", prefix_, name, **value);
  }
  return number;
}

Result<Control::List> Control::list(const std::string& name) const {
  Result<std::optional<std::string>> whole = text(name);
  if (!whole) return failed(whole);
  List list;
  if (!*whole) return list;
  list.set = true;
  for (std::string_view rest = **whole; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view entry = stripped(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!entry.empty() && entry.front() != '#') list.entries.emplace_back(entry);
  }
  return list;
}

}  // namespace porpoise
