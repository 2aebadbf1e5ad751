// Dot-files: any octets, as a file's text and as an address's extension. Held to:
//   - each line of the text is one line of the result, by number and in order, and its kind is that
//     of its first octet; no LF and no NUL is in any of them;
//   - names: the exact one first, each name once, all with the dash, none with a dot in the
//     extension or ASCII upper case, and "default" stands for what default_from says;
//   - the cost is in proportion to the text.

#include <algorithm>
#include <set>
#include <string>

#include "fuzz/property.h"
#include "libmail/dot_file.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

void check_line(const DotLine& line, std::string_view written) {
  using Kind = DotLine::Kind;
  require(line.text.find_first_of(std::string_view("\n\0", 2)) == std::string::npos);
  require(written.find(line.text) != std::string_view::npos);
  if (line.kind == Kind::nothing) {
    require(line.text.empty());
    return;
  }
  const char first = written[0];
  require((line.kind == Kind::comment) == (first == '#'));
  require((line.kind == Kind::program) == (first == '|'));
  require((line.kind == Kind::maildir || line.kind == Kind::mbox) ==
          (first == '.' || first == '/'));
  require((line.kind == Kind::forward_only || line.kind == Kind::unknown) == (first == '+'));
  if (line.kind == Kind::maildir) require(line.text.ends_with('/'));
  require(is_file_or_program(line.kind) == (first == '|' || first == '.' || first == '/'));
}

void check_names(std::string_view ext) {
  const std::string safe = safe_extension(ext);
  require(safe.size() == ext.size() && safe_extension(safe) == safe);
  const auto names = dot_file_names("-", ext);
  require(names.size() <= static_cast<std::size_t>(std::ranges::count(safe, '-')) + 2);
  require(names[0].name == ".qmail-" + safe);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const DotName& name = names[i];
    require(name.name.starts_with(".qmail-"));
    require(name.name.find('.', 1) == std::string::npos);
    // The exact name may be one with "default", too.
    require(seen.insert(name.name).second || names[0].name == name.name);
    if (i > 0) require(name.name.ends_with("default"));
    if (name.default_from) {
      require(*name.default_from <= safe.size());
      require(name.name == ".qmail-" + safe.substr(0, *name.default_from) + "default");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = view_of(data, size);
  const auto lines = [&] {
    const Cost cost(text.size());
    return parse_dot_file(text);
  }();
  std::string_view rest = text;
  int number = 0;
  for (const DotLine& line : lines) {
    require(line.number == ++number && !rest.empty());
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    check_line(line, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  require(rest.empty());
  if (text.size() <= 200) check_names(text);  // every dash is a name as long as the whole
  return 0;
}
