// Folding of fields (RFC 5322 sections 2.1.1 and 2.2.3).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// No line is longer, its line end not counted.
inline constexpr std::size_t kLongestLine = 998;

enum class FoldMode {
  unstructured,  ///< at any blank
  structured,    ///< not in quoted strings and literals
};

/// `text` with an LF before blanks, so that lines have at most 78 octets where its blanks allow it
/// (76 if they hold an encoded word, RFC 2047 section 2), and 998 always. `column`: how many octets
/// stand before it on its first line. CR and LF in `text` are left out; none is put at the end.
///
/// unfold() gives `text` back, unless it has more than 998 octets without a blank: then one is put
/// in, between characters. Quoted strings of more than 998 octets are folded at their blanks, and
/// only a run of that many blanks makes lines of nothing else.
std::string fold(std::string_view text, FoldMode mode, std::size_t column = 0);

/// `body` on one line: every CR LF and LF gone, the last one too. All other octets stay, also a CR
/// that ends no line, and NUL.
std::string unfold(std::string_view body);

/// unfold() without blanks at both ends: the value of an unstructured field.
std::string field_value(std::string_view body);

/// The field `name` with this UTF-8 text as its value, encoded (RFC 2047) and folded as needed,
/// with its LF. decode_words(field_value()) of its body is the text. `name` has at most 77 octets.
std::string print_unstructured(std::string_view name, std::string_view text);

}  // namespace porpoise::mail
