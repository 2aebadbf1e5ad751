// Encoded words: any octets. Held to:
//   - decoding costs steps in proportion to the text, and gives UTF-8 where the text is UTF-8;
//   - what encoding gives is printable, its words are short, and decoding it gives the text back,
//     wherever it is to stand and wherever on the line it begins;
//   - plain text comes through both as it is.

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>

#include "libmail/encoded_word.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace {

using namespace porpoise::mail;

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "fuzz_encoded_word: line %u does not hold\n", where.line());
  std::abort();
}

std::uint64_t steps_so_far() {
#ifdef PORPOISE_COUNT_STEPS
  return steps;
#else
  return 0;
#endif
}

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
  const std::uint64_t before = steps_so_far();
  const std::string encoded = encode_words(text, place, column);
  require(steps_so_far() - before <= 8 * text.size() + 100);
  check_words(encoded, column);
  if (is_utf8(text)) require(decode_words(encoded) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::uint64_t before = steps_so_far();
  const std::string decoded = decode_words(text);
  require(steps_so_far() - before <= 10 * text.size() + 100);
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
