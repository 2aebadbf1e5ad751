#include "libmail/address_token.h"

#include <algorithm>

#include "libmail/octet_class.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

using Kind = Token::Kind;

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

Kind special(char c) {
  switch (c) {
    case '.':
      return Kind::dot;
    case '@':
      return Kind::at;
    case ',':
      return Kind::comma;
    case ':':
      return Kind::colon;
    case ';':
      return Kind::semicolon;
    case '<':
      return Kind::left;
    case '>':
      return Kind::right;
    default:
      return Kind::atom;
  }
}

// The LF of a fold: a blank follows it.
bool is_fold(std::string_view text, std::size_t lf) {
  return lf + 1 < text.size() && (text[lf + 1] == ' ' || text[lf + 1] == '\t');
}

// "=?charset?q?" at the front of an atom: its size, or 0.
std::size_t encoded_word_begin(std::string_view text) {
  if (!text.starts_with("=?")) return 0;
  const std::size_t encoding = text.find('?', 2);
  if (encoding == std::string_view::npos || encoding == 2) return 0;
  const std::string_view rest = text.substr(encoding + 1);
  return rest.starts_with("q?") || rest.starts_with("Q?") ? encoding + 3 : 0;
}

// What may stand in such a word after its first comma: no "@", so that no address is hidden.
bool may_be_encoded(char c) {
  return is_octet(c, kAtext) || c == ',' || c == '.' || c == ':' || c == ';';
}

}  // namespace

bool is_atom_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_octet(c, kAtext); });
}

bool is_unclean_encoded_word(const Token& token) {
  return token.kind == Kind::atom && !token.plain && encoded_word_begin(token.text) > 0 &&
         token.text.find(',') != std::string_view::npos &&
         std::ranges::all_of(token.text, may_be_encoded) && token.text.ends_with("?=");
}

Token TokenReader::next() {
  cursor_.take_while([](char c) { return is_octet(c, kBlank); });
  const std::size_t begin = cursor_.position();
  if (!fault_.empty()) return {Kind::fault, true, begin, {}};
  if (cursor_.at_end()) return {Kind::end, true, begin, {}};
  switch (cursor_.peek()) {
    case '(':
      return enclosed(Kind::comment, '(', ')', "no \")\" closes this comment");
    case '"':
      return enclosed(Kind::quoted, '\0', '"', "no '\"' closes this quoted text");
    case '[':
      return enclosed(Kind::literal, '\0', ']', "no \"]\" closes this \"[\"");
    case ')':
      return fail(begin, "a \")\" that closes nothing");
    case ']':
      return fail(begin, "a \"]\" that closes nothing");
    default:
      break;
  }
  const Kind kind = special(cursor_.peek());
  if (kind == Kind::atom) return atom();
  cursor_.skip();
  before_ = kind;
  return {kind, true, begin, cursor_.since(begin)};
}

Token TokenReader::fail(std::size_t begin, std::string_view why) {
  fault_ = why;
  return {Kind::fault, true, begin, {}};
}

// `open` nests, unless it is NUL.
Token TokenReader::enclosed(Kind kind, char open, char close, std::string_view unclosed) {
  const std::size_t begin = cursor_.position();
  const std::string_view rest = cursor_.rest();
  bool plain = true;
  std::size_t depth = 1;
  std::size_t i = 1;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (is_octet(c, kOdd)) {
      plain = false;
      if (c == '\\') ++i;
    } else if (c == close) {
      if (--depth == 0) break;
    } else if (c == open && open != '\0') {
      ++depth;
    }
  }
  count_steps(std::min(i, rest.size()));
  if (i >= rest.size()) return fail(begin, unclosed);
  cursor_.skip(i + 1);
  if (kind != Kind::comment) before_ = kind;
  return {kind, plain, begin, cursor_.since(begin)};
}

Token TokenReader::atom() {
  const std::size_t begin = cursor_.position();
  const std::string_view rest = cursor_.rest();
  bool plain = true;
  std::size_t i = 0;
  for (; i < rest.size() && !is_octet(rest[i], kEndsAtom); ++i) {
    if (is_octet(rest[i], kAtext)) continue;
    plain = false;
    if (rest[i] != '\\') continue;
    if (++i == rest.size() || is_line_end(rest[i])) {
      return fail(begin + i - 1, "a backslash at the end of the line");
    }
  }
  count_steps(i);
  cursor_.skip(i);
  if (plain && take_rest_of_encoded_word(begin)) plain = false;
  before_ = Kind::atom;
  return {Kind::atom, plain, begin, cursor_.since(begin)};
}

// Not after an "@" or a dot: there the comma ends a domain, and an address with it.
bool TokenReader::take_rest_of_encoded_word(std::size_t begin) {
  constexpr std::size_t kLongest = 128;
  if (cursor_.peek() != ',' || before_ == Kind::at || before_ == Kind::dot) return false;
  if (encoded_word_begin(cursor_.since(begin)) == 0) return false;
  const std::string_view rest = cursor_.rest().substr(0, kLongest);
  std::size_t i = 0;
  while (i < rest.size() && may_be_encoded(rest[i]) && !rest.substr(i).starts_with("?=")) ++i;
  count_steps(i);
  if (!rest.substr(i).starts_with("?=")) return false;
  cursor_.skip(i + 2);
  return true;
}

bool append_value(std::string& out, const Token& word) {
  std::string_view text = word.text;
  if (word.kind != Kind::atom) text = text.substr(1, text.size() - 2);
  count_steps(text.size());
  if (word.plain) {
    out += text;
    return true;
  }
  bool clean = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\n' && is_fold(text, i)) continue;
    if (is_line_end(text[i]) || text[i] == '\0') clean = false;
    out += text[i];
  }
  return clean;
}

std::string unfolded(const Token& token) {
  const std::string_view text = token.text;
  count_steps(text.size());
  if (token.plain) return std::string(text);
  std::string line;
  line.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      // A quoted line end goes whole: a backslash left behind would quote what follows.
      ++i;
      if (!is_line_end(text[i])) line.append(text.substr(i - 1, 2));
    } else if (!is_line_end(text[i])) {
      line += text[i];
    }
  }
  return line;
}

}  // namespace porpoise::mail
