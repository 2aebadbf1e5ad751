#include "libmail/cfws.h"

#include <string_view>

#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

// False: it has no end.
bool skip_comment(Cursor& cursor) {
  std::size_t depth = 0;
  while (!cursor.at_end()) {
    count_steps();
    const char c = cursor.take();
    if (c == '\\') {
      cursor.skip();
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool skip_cfws(Cursor& cursor) {
  for (;;) {
    count_steps(1 + cursor.take_while(is_white).size());
    if (cursor.peek() != '(') return true;
    Cursor after = cursor;
    if (!skip_comment(after)) return false;
    cursor = after;
  }
}

std::string what_stands_at(const Cursor& cursor) {
  constexpr std::size_t kExcerpt = 20;
  if (cursor.at_end()) return "the end";
  std::string excerpt = "\"";
  for (const char c : cursor.rest().substr(0, kExcerpt)) {
    if (is_white(c)) break;
    excerpt += c > 32 && c < 127 && c != '"' ? c : '?';
  }
  return excerpt + "\"";
}

}  // namespace porpoise::mail
