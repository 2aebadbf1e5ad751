// The tokens of a structured field body (RFC 5322 section 3.2; reference 1.3).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "libmail/cursor.h"

namespace porpoise::mail {

struct Token {
  enum class Kind : unsigned char {
    end,
    fault,    ///< cannot be read: TokenReader::fault() says why
    atom,     ///< may hold more than RFC 5322's atext: octets from 128 on, quoted pairs; or
              ///< several with single dots between, and nothing else ("x.test")
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
  /// It means what it says: an atom of RFC 5322 (octets from 128 on count as RFC 6532's UTF-8), or
  /// no quoted pair, line end or NUL between its quotes, brackets or parentheses.
  bool plain = true;
  bool dotted = false;    ///< several atoms
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
  bool take_rest_of_odd_atom();
  bool take_rest_of_encoded_word(std::size_t begin);

  Cursor cursor_;
  Token::Kind before_ = Token::Kind::end;  // the last token that was no comment
  std::string_view fault_;
};

/// Appends what a word means: quotes, brackets and quoting backslashes gone, folds undone. False
/// where NUL, CR or LF is left in it, which no address may hold.
bool append_value(std::string& out, const Token& word);

/// The text of a token on one line: every CR and LF gone, and a backslash that quoted one.
std::string unfolded(const Token& token);

/// Whether RFC 5322 lets this stand as an atom (octets from 128 on count as RFC 6532's UTF-8).
bool is_atom_text(std::string_view text);

/// Whether it is an encoded word (RFC 2047) in "q" that holds a comma, which ought to be encoded:
/// people's programs write them, and they are one atom here.
bool is_unclean_encoded_word(const Token& token);

}  // namespace porpoise::mail
