#include "libmail/address_token.h"

#include <algorithm>

namespace porpoise::mail {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

// Where an atom stops. `)` and `]` inside one do not stop it: people write a)b.
bool ends_atom(char c) {
  return is_space(c) || std::string_view("([\"<>;:@,.").find(c) != std::string_view::npos;
}

Token::Kind special(char c) {
  switch (c) {
    case '.':
      return Token::Kind::dot;
    case '@':
      return Token::Kind::at;
    case ',':
      return Token::Kind::comma;
    case ':':
      return Token::Kind::colon;
    case ';':
      return Token::Kind::semicolon;
    case '<':
      return Token::Kind::left;
    case '>':
      return Token::Kind::right;
    default:
      return Token::Kind::atom;
  }
}

bool is_atext(char c) {
  if (static_cast<unsigned char>(c) >= 128) return true;
  return c > 32 && c < 127 && std::string_view("()<>[]:;@\\,.\"").find(c) == std::string_view::npos;
}

// The LF of a fold: a blank follows it.
bool is_fold(std::string_view text, std::size_t lf) {
  return lf + 1 < text.size() && (text[lf + 1] == ' ' || text[lf + 1] == '\t');
}

}  // namespace

bool is_atom_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_atext);
}

Token TokenReader::next() {
  using Kind = Token::Kind;
  cursor_.take_while(is_space);
  const std::size_t begin = cursor_.position();
  if (!fault_.empty()) return {Kind::fault, begin, {}};
  if (cursor_.at_end()) return {Kind::end, begin, {}};
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
  return {kind, begin, cursor_.since(begin)};
}

Token TokenReader::fail(std::size_t begin, std::string_view why) {
  fault_ = why;
  return {Token::Kind::fault, begin, {}};
}

// `open` nests, unless it is NUL.
Token TokenReader::enclosed(Token::Kind kind, char open, char close, std::string_view unclosed) {
  const std::size_t begin = cursor_.position();
  cursor_.skip();
  std::size_t depth = 1;
  while (depth > 0) {
    if (cursor_.at_end()) return fail(begin, unclosed);
    const char c = cursor_.take();
    if (c == '\\') {
      cursor_.skip();
    } else if (c == close) {
      --depth;
    } else if (c == open && open != '\0') {
      ++depth;
    }
  }
  return {kind, begin, cursor_.since(begin)};
}

Token TokenReader::atom() {
  const std::size_t begin = cursor_.position();
  while (!cursor_.at_end() && !ends_atom(cursor_.peek())) {
    if (cursor_.take('\\') && (cursor_.at_end() || is_line_end(cursor_.peek()))) {
      return fail(cursor_.position() - 1, "a backslash at the end of the line");
    }
    cursor_.skip();
  }
  return {Token::Kind::atom, begin, cursor_.since(begin)};
}

std::string word_value(const Token& word, bool& clean) {
  std::string_view text = word.text;
  if (word.kind != Token::Kind::atom) text = text.substr(1, text.size() - 2);
  std::string value;
  value.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (text[i] == '\n' && is_fold(text, i)) continue;
    if (is_line_end(text[i]) || text[i] == '\0') clean = false;
    value += text[i];
  }
  return value;
}

std::string unfolded(std::string_view text) {
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
