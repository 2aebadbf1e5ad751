#include "instance/control.h"

#include <algorithm>

#include "libmail/control_file.h"
#include "posix/file.h"

namespace porpoise {
namespace {

// Not the message's fault: what waits can go on once the file is mended.
tl::unexpected<Error> for_now(Error error) {
  error.fate = Fate::temporary;
  return tl::make_unexpected(std::move(error));
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
  return for_now({.text = std::move(text.error().text)});
}

Result<std::optional<std::string>> Control::line(const std::string& name) const {
  Result<std::optional<std::string>> whole = text(name);
  if (!whole || !*whole) return whole;
  const auto value = mail::control_value(prefix_ + name, **whole);
  if (!value) return for_now(value.error());
  if (!*value) return std::optional<std::string>();
  return std::optional<std::string>(**value);
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
  Result<std::optional<std::string>> whole = text(name);
  if (!whole) return failed(whole);
  if (!*whole) return otherwise;
  const auto number = mail::control_number(prefix_ + name, **whole);
  if (!number) return for_now(number.error());
  return number->value_or(otherwise);
}

Result<Control::List> Control::list(const std::string& name) const {
  Result<std::optional<std::string>> whole = text(name);
  if (!whole) return failed(whole);
  List list;
  if (!*whole) return list;
  list.set = true;
  const auto entries = mail::control_list(prefix_ + name, **whole);
  if (!entries) return for_now(entries.error());
  for (const mail::ControlEntry& entry : *entries) {
    list.entries.emplace_back(entry.text);
    list.lines.push_back(entry.line);
  }
  return list;
}

}  // namespace porpoise
