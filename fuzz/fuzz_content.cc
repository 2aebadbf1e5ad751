// Content-Type and its like with their parameters: any octets. Held to:
//   - a fault lies in the text and says so in one printable line;
//   - what is read is UTF-8, each name once, no more of them than the limit;
//   - what is printed is ASCII on one line, folds into lines of at most 998 octets, and reads back
//     as the same without repair;
//   - reading costs steps in proportion to the text.

#include <string>

#include "fuzz/property.h"
#include "libmail/content.h"
#include "libmail/fold.h"
#include "libmail/utf8.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

bool is_plain_name(std::string_view name) {
  for (const char c : name) {
    if (c <= 32 || c == 127 || c == '*' || (c >= 'A' && c <= 'Z')) return false;
  }
  return !name.empty();
}

template <class Parse>
void check(std::string_view body, Parse parse) {
  const auto content = [&] {
    const Cost cost(body.size(), 20);
    return parse(body);
  }();
  if (!content) {
    require(content.error().at <= body.size() && is_line(content.error().text));
    return;
  }
  require(!content->value.empty() && content->parameters.size() <= kMaxParameters);
  for (const ContentParameter& p : content->parameters) {
    require(is_plain_name(p.name) && is_utf8(p.value));
    require(content->parameter(p.name) == &p.value);
  }
  const std::string print = print_content(*content);
  for (const char c : print) require(c >= 32 && c < 127);
  const std::string folded = fold(" " + print, FoldMode::structured, 13);
  for (std::size_t at = 0; at < folded.size();) {
    const std::size_t end = std::min(folded.find('\n', at), folded.size());
    require(end - at + (at == 0 ? 13 : 0) <= kLongestLine);
    at = end + 1;
  }
  std::size_t sections = content->parameters.size();
  for (std::size_t at = 0; (at = print.find("*=", at)) != std::string::npos; ++at) ++sections;
  if (sections > kMaxParameters) return;  // more than are read
  for (const ContentParameter& p : content->parameters) {
    if (p.name.size() > 900) return;  // no line has room for it
  }
  const auto again = parse(folded);
  require(again.has_value() && !again->repaired);
  require(again->value == content->value && again->parameters == content->parameters);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view body = view_of(data, size);
  check(body, parse_content_type);
  check(body, parse_content_token);
  return 0;
}
