// Text that is not ASCII in an ASCII header: encoded words, "=?utf-8?q?J=C3=B6rg?=" (RFC 2047;
// RFC 2231 section 5).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// `text` with its encoded words decoded, as UTF-8. Blanks and folds between two of them vanish; a
/// character that is cut in two by the border of two words of the same set is put together; U+FFFD
/// stands for octets that mean nothing in their set. A word in a set we do not have (charset.h),
/// or that is broken, stays as written, as does all other text, whatever its octets.
///
/// What comes out may hold any character, line ends and NUL too: it is for reading, not for a
/// header. Lenient: a word may touch what stands around it, be longer than 75 octets, be empty, and
/// hold blanks.
std::string decode_words(std::string_view text);

/// Where encoded text is to stand, which decides what can stand in it unencoded.
enum class WordPlace {
  unstructured,  ///< Subject: words that need no encoding stay as they are
  phrase,        ///< before "<", or in a comment: the whole text is encoded
};

/// `text` so that decode_words() gives it back and a header can hold it: printable ASCII without
/// line ends. Encoded words are at most 75 octets long, hold whole characters, and have one blank
/// between them, where a line may be folded. `column`: how many octets stand before it on its
/// line, so that the first word can end before column 76.
///
/// Text that is not UTF-8 is marked as "unknown-8bit" (RFC 1428), which no reader decodes.
std::string encode_words(std::string_view text, WordPlace place, std::size_t column = 0);

}  // namespace porpoise::mail
