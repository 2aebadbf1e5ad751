// The tokens of a structured field body (RFC 5322 section 3.2; reference 1.3).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "libmail/cursor.h"

namespace porpoise::mail {

struct Token {
  enum class Kind {
    end,
    fault,    ///< cannot be read: TokenReader::fault() says why
    atom,     ///< may hold more than RFC 5322's atext: octets from 128 on, quoted pairs
    quoted,   ///< with its quotes
    literal,  ///< with its brackets
    comment,  ///< with its parentheses, nested ones inside
    dot,
    at,
    comma,
    colon,
    semicolon,
    left,
    right,
  };
  Kind kind = Kind::end;
  std::size_t begin = 0;  ///< offset in the body
  std::string_view text;  ///< as written

  std::size_t end() const { return begin + text.size(); }
  bool is_word() const {
    return kind == Kind::atom || kind == Kind::quoted || kind == Kind::literal;
  }
};

/// Gives one token after the other. Blanks and line ends only separate.
class TokenReader {
 public:
  explicit TokenReader(std::string_view body) : cursor_(body) {}

  /// After Kind::end or Kind::fault it gives the same for ever.
  Token next();

  /// Why the last token is a fault; its `begin` is where what is wrong begins.
  std::string_view fault() const { return fault_; }

 private:
  Token fail(std::size_t begin, std::string_view why);
  Token enclosed(Token::Kind kind, char open, char close, std::string_view unclosed);
  Token atom();

  Cursor cursor_;
  std::string_view fault_;
};

/// What a word means: quotes and quoting backslashes gone, folds undone. `clean` becomes false
/// where NUL, CR or LF is left in it, which no address may hold.
std::string word_value(const Token& word, bool& clean);

/// The text of a token on one line: every CR and LF gone, and a backslash that quoted one.
std::string unfolded(std::string_view text);

/// Whether RFC 5322 lets this stand as an atom (octets from 128 on count as RFC 6532's UTF-8).
bool is_atom_text(std::string_view text);

}  // namespace porpoise::mail
