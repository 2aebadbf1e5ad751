// Control files: any octets. Held to:
//   - a value, a number and the entries are parts of the text without blanks at their ends, and
//     have no NUL, no LF and no more octets than the limit;
//   - entries come in order, with the number of their line, and all lines that count are there;
//   - an error is one line that names the file;
//   - the cost is in proportion to the text.

#include <algorithm>
#include <string>

#include "fuzz/property.h"
#include "libmail/control_file.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

constexpr ControlLimits kLimits{.line_octets = 100, .entries = 50};

void check_text(std::string_view text) {
  constexpr std::string_view kNone("\0\n", 2);
  require(!text.empty() && text.size() <= kLimits.line_octets);
  require(text.find_first_of(kNone) == std::string_view::npos);
  require(text.find_first_not_of(" \t\r") == 0);
  require(text.find_last_not_of(" \t\r") == text.size() - 1);
}

void check_error(const porpoise::Error& error) {
  require(error.text.starts_with("control/x") && error.text.find('\0') == std::string::npos);
  require(error.text.find('\n') == std::string::npos);
}

// Every line that counts, with its number.
std::string searched(std::string_view text) {
  std::string all;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    all += std::to_string(number);
    all += line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
    all += '\n';
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = view_of(data, size);
  const Cost cost(text.size(), 20);
  const auto value = control_value("control/x", text, kLimits);
  if (!value) check_error(value.error());
  if (value && *value) check_text(**value);

  const auto number = control_number("control/x", text, kLimits);
  if (!number) check_error(number.error());
  if (number && *number) {
    require(**number >= 0 && value && *value);
    const std::string print = std::to_string(**number);
    require((*value)->ends_with(print) &&
            (*value)->find_first_not_of("0123456789") == std::string_view::npos);
  }

  const auto entries = control_list("control/x", text, kLimits);
  if (!entries) {
    check_error(entries.error());
    return 0;
  }
  require(entries->size() <= kLimits.entries);
  std::string all;
  for (const ControlEntry& entry : *entries) {
    check_text(entry.text);
    require(entry.text[0] != '#');
    all += std::to_string(entry.line);
    all += entry.text;
    all += '\n';
    if (const auto pair = control_pair(entry.text)) {
      require(pair->key.find(':') == std::string_view::npos);
      require(pair->key.size() + pair->value.size() < entry.text.size());
    } else {
      require(entry.text.find(':') == std::string_view::npos);
    }
  }
  require(all == searched(text));
  return 0;
}
