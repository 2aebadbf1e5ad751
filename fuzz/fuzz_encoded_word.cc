// Encoded words: any octets. Held to:
//   - decoding costs steps in proportion to the text, and gives UTF-8 where the text is UTF-8;
//   - what encoding gives is printable, its words are short, and decoding it gives the text back,
//     wherever it is to stand and wherever on the line it begins;
//   - plain text comes through both as it is.

#include <algorithm>
#include <string>

#include "fuzz/property.h"
#include "libmail/encoded_word.h"
#include "libmail/utf8.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

void check_words(std::string_view encoded, std::size_t column) {
  bool first = true;
  for (std::size_t at = 0; at < encoded.size();) {
    const std::size_t end = std::min(encoded.find(' ', at), encoded.size());
    const std::string_view word = encoded.substr(at, end - at);
    for (const char c : word) require(c > 32 && c < 127);
    if (word.starts_with("=?")) {
      require(word.size() <= 75);
      if (first && column < 40) require(column + word.size() <= 76);
    }
    require(word.size() <= 500);
    first = false;
    at = end + 1;
  }
}

void check_encoding(std::string_view text, WordPlace place, std::size_t column) {
  const std::string encoded = [&] {
    const Cost cost(text.size());
    return encode_words(text, place, column);
  }();
  check_words(encoded, column);
  if (is_utf8(text)) require(decode_words(encoded) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = view_of(data, size);
  const std::string decoded = [&] {
    const Cost cost(text.size());
    return decode_words(text);
  }();
  require(!is_utf8(text) || is_utf8(decoded));
  require(decoded.size() <= 3 * text.size());
  if (text.find("=?") == std::string_view::npos) require(decoded == text);

  const std::size_t column = text.empty() ? 0 : static_cast<unsigned char>(text[0]) % 90;
  for (const std::string_view any : {text, std::string_view(decoded)}) {
    check_encoding(any, WordPlace::unstructured, column);
    check_encoding(any, WordPlace::phrase, column);
  }
  return 0;
}
