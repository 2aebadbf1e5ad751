#include "libmail/dot_file.h"

#include <algorithm>

namespace porpoise::mail {
namespace {

using Kind = DotLine::Kind;

constexpr std::string_view kDefault = "default";

std::string_view without_end(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line.substr(0, line.find('\0'));
}

DotLine parse_line(std::string_view line, int number) {
  line = without_end(line);
  const auto made = [&](Kind kind, std::size_t skipped) {
    return DotLine{kind, std::string(line.substr(skipped)), number};
  };
  if (line.empty()) return made(Kind::nothing, 0);
  switch (line.front()) {
    case '#':
      return made(Kind::comment, 1);
    case '|':
      return made(Kind::program, 1);
    case '&':
      return made(Kind::forward, 1);
    case '.':
    case '/':
      return made(line.ends_with('/') ? Kind::maildir : Kind::mbox, 0);
    case '+':
      return made(line == "+list" ? Kind::forward_only : Kind::unknown, 1);
    default:
      return made(Kind::forward, 0);
  }
}

}  // namespace

std::vector<DotLine> parse_dot_file(std::string_view text) {
  std::vector<DotLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(parse_line(text.substr(0, end), number));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_file_or_program(Kind kind) {
  return kind == Kind::program || kind == Kind::maildir || kind == Kind::mbox;
}

std::string safe_extension(std::string_view ext) {
  std::string safe(ext);
  for (char& c : safe) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '.') c = ':';
  }
  return safe;
}

std::vector<DotName> dot_file_names(std::string_view dash, std::string_view ext) {
  const std::string safe = safe_extension(ext);
  const std::string begin = ".qmail" + std::string(dash);
  std::vector<DotName> names{{begin + safe, std::nullopt}};
  if (safe.ends_with(kDefault)) names[0].default_from = safe.size() - kDefault.size();
  for (std::size_t length = safe.size() + 1; length-- > 0;) {
    if (length > 0 && safe[length - 1] != '-') continue;
    names.push_back({begin + safe.substr(0, length) + std::string(kDefault), length});
  }
  return names;
}

}  // namespace porpoise::mail
