#include "libmail/address_token.h"

#include <algorithm>
#include <array>

#include "libmail/octet_class.h"
#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

using Kind = Token::Kind;

bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

// What a token is whose first octet this is; a comment, quoted text or literal by its opening.
constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> kinds{};
  kinds.fill(Kind::atom);
  kinds['('] = Kind::comment;
  kinds['"'] = Kind::quoted;
  kinds['['] = Kind::literal;
  kinds[')'] = kinds[']'] = Kind::fault;
  kinds['.'] = Kind::dot;
  kinds['@'] = Kind::at;
  kinds[','] = Kind::comma;
  kinds[':'] = Kind::colon;
  kinds[';'] = Kind::semicolon;
  kinds['<'] = Kind::left;
  kinds['>'] = Kind::right;
  return kinds;
}();

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
  if (!fault_.empty()) return {Kind::fault, true, false, begin, {}};
  if (cursor_.at_end()) return {Kind::end, true, false, begin, {}};
  const char first = cursor_.peek();
  const Kind kind = kKinds[static_cast<unsigned char>(first)];
  switch (kind) {
    case Kind::atom:
      return atom();
    case Kind::comment:
      return enclosed(kind, '(', ')', "no \")\" closes this comment");
    case Kind::quoted:
      return enclosed(kind, '\0', '"', "no '\"' closes this quoted text");
    case Kind::literal:
      return enclosed(kind, '\0', ']', "no \"]\" closes this \"[\"");
    case Kind::fault:
      return fail(begin,
                  first == ')' ? "a \")\" that closes nothing" : "a \"]\" that closes nothing");
    default:
      cursor_.skip();
      before_ = kind;
      return {kind, true, false, begin, cursor_.since(begin)};
  }
}

Token TokenReader::fail(std::size_t begin, std::string_view why) {
  fault_ = why;
  return {Kind::fault, true, false, begin, {}};
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
  return {kind, plain, false, begin, cursor_.since(begin)};
}

Token TokenReader::atom() {
  const std::size_t begin = cursor_.position();
  const auto is_atext = [](char c) { return is_octet(c, kAtext); };
  cursor_.take_while(is_atext);
  bool dotted = false;
  while (cursor_.peek() == '.' && is_atext(cursor_.peek(1)) && cursor_.position() > begin) {
    dotted = true;
    cursor_.skip();
    cursor_.take_while(is_atext);
  }
  bool plain = cursor_.at_end() || is_octet(cursor_.peek(), kEndsAtom);
  if (!plain) {
    if (!take_rest_of_odd_atom()) {
      return fail(cursor_.position() - 1, "a backslash at the end of the line");
    }
  } else if (cursor_.peek() == ',' && take_rest_of_encoded_word(begin)) {
    plain = false;
  }
  count_steps(cursor_.position() - begin);
  before_ = Kind::atom;
  return {Kind::atom, plain, dotted, begin, cursor_.since(begin)};
}

// From an octet on that belongs to the atom, although it should not. False: a backslash stands
// before here that quotes nothing.
bool TokenReader::take_rest_of_odd_atom() {
  while (!cursor_.at_end() && !is_octet(cursor_.peek(), kEndsAtom)) {
    const bool quoting = cursor_.take() == '\\';
    if (!quoting) continue;
    if (cursor_.at_end() || is_line_end(cursor_.peek())) return false;
    cursor_.skip();
  }
  return true;
}

// Not after an "@" or a dot: there the comma ends a domain, and an address with it.
bool TokenReader::take_rest_of_encoded_word(std::size_t begin) {
  constexpr std::size_t kLongest = 128;
  if (before_ == Kind::at || before_ == Kind::dot) return false;
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
