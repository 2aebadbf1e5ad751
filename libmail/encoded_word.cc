#include "libmail/encoded_word.h"

#include <algorithm>
#include <optional>

#include "libmail/base64.h"
#include "libmail/charset.h"
#include "libmail/cursor.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {
namespace {

// ---- reading

constexpr std::size_t kMaxCharsetName = 75;  // octets: the whole word has no more by the RFC

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_charset_octet(char c) {
  return c > 32 && c < 127 && std::string_view("()<>@,;\"/[]?=").find(c) == std::string_view::npos;
}

unsigned hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return 16;
}

// RFC 2047 section 4.2. False, and nothing appended: a "=" without two digits, or a line end.
bool append_unquoted(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  Cursor cursor(text);
  while (!cursor.at_end()) {
    count_steps();
    const char c = cursor.take();
    const unsigned high = c == '=' ? hex_value(cursor.peek(0)) : 0;
    const unsigned low = c == '=' ? hex_value(cursor.peek(1)) : 0;
    if (high > 15 || low > 15 || c == '\r' || c == '\n') {
      out.resize(before);
      return false;
    }
    if (c == '=') {
      out += static_cast<char>(high << 4 | low);
      cursor.skip(2);
    } else {
      out += c == '_' ? ' ' : c;
    }
  }
  return true;
}

struct Word {
  const Charset* charset = nullptr;
  bool base64 = false;
  std::string_view text;  // as written
  std::size_t size = 0;   // of the whole word
};

// The word that begins at `at`, where "=?" stands. What it looks at ends at the fourth "?".
std::optional<Word> word_at(std::string_view text, std::size_t at) {
  Cursor cursor(text.substr(at));
  cursor.skip(2);
  std::string_view name = cursor.take_while(is_charset_octet);
  if (name.size() > kMaxCharsetName || !cursor.take('?')) return std::nullopt;
  Word word;
  word.charset = find_charset(name.substr(0, name.find('*')));  // "*en": its language
  const char encoding = cursor.take();
  word.base64 = encoding == 'b' || encoding == 'B';
  if (!word.base64 && encoding != 'q' && encoding != 'Q') return std::nullopt;
  if (word.charset == nullptr || !cursor.take('?')) return std::nullopt;
  word.text = cursor.take_while([](char c) { return c != '?'; });
  count_steps(cursor.position());
  if (!cursor.take('?') || !cursor.take('=')) return std::nullopt;
  word.size = cursor.position();
  return word;
}

class Decoder {
 public:
  explicit Decoder(std::string_view text) : text_(text) { out_.reserve(text.size()); }

  std::string run() && {
    std::size_t at = text_.find("=?");
    while (at != std::string_view::npos) {
      count_steps();
      at = text_.find("=?", take(at));
    }
    flush();
    count_steps(text_.size());
    out_ += text_.substr(copied_);
    return std::move(out_);
  }

 private:
  // The word at `at`, if there is one; gives where to look on.
  std::size_t take(std::size_t at) {
    const std::optional<Word> word = word_at(text_, at);
    decoded_.clear();
    if (!word || !decode(*word)) return at + 1;
    const std::string_view between = text_.substr(copied_, at - copied_);
    const bool adjacent = charset_ != nullptr && std::ranges::all_of(between, is_blank);
    if (!adjacent || charset_ != word->charset) flush();
    if (!adjacent) out_ += between;
    octets_ += decoded_;
    charset_ = word->charset;
    copied_ = at + word->size;
    return copied_;
  }

  bool decode(const Word& word) {
    return word.base64 ? append_unbase64(decoded_, word.text)
                       : append_unquoted(decoded_, word.text);
  }

  void flush() {
    if (charset_ != nullptr) append_decoded(out_, octets_, *charset_);
    octets_.clear();
    charset_ = nullptr;
  }

  std::string_view text_;
  std::string out_;
  std::string decoded_;               // of one word
  std::string octets_;                // of the words just read, all in charset_
  const Charset* charset_ = nullptr;  // null: no word was read, or something stood after it
  std::size_t copied_ = 0;            // what of text_ is done with
};

// ---- writing

constexpr std::size_t kLongestWord = 75;    // RFC 2047 section 2
constexpr std::size_t kLongestLine = 76;    // the same, for a line that holds one
constexpr std::size_t kLongestPlain = 500;  // a longer word could not be folded
constexpr std::size_t kLongestBlanks = 32;  // more of them could not either
constexpr std::size_t kLongestQuoted = 12;  // the octets of one character

bool is_printable(char c) {
  return c > 32 && c < 127;
}

bool stands_for_itself(char c, WordPlace place) {
  if (place == WordPlace::unstructured) return is_printable(c) && c != '=' && c != '?' && c != '_';
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!*+-/").find(c) != std::string_view::npos;
}

std::size_t quoted_size(std::string_view octets, WordPlace place) {
  std::size_t size = 0;
  for (const char c : octets) size += c == ' ' || stands_for_itself(c, place) ? 1 : 3;
  return size;
}

void append_quoted(std::string& out, std::string_view octets, WordPlace place) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : octets) {
    count_steps();
    const auto octet = static_cast<unsigned char>(c);
    if (c == ' ') {
      out += '_';
    } else if (stands_for_itself(c, place)) {
      out += c;
    } else {
      out += '=';
      out += kHex[octet >> 4];
      out += kHex[octet & 15];
    }
  }
}

// Encodes one run of text as words with a blank between them.
class Encoder {
 public:
  Encoder(std::string_view text, WordPlace place) : text_(text), place_(place) {
    utf8_ = is_utf8(text);
    std::size_t characters = 0;
    std::size_t high = 0;
    for (const char c : text) {
      const auto octet = static_cast<unsigned char>(c);
      if (utf8_ && (octet & 0xc0) == 0x80) continue;
      ++characters;
      high += octet >= 128;
    }
    base64_ = 2 * high > characters;  // else a person can read most of the text in "q"
    begin_ = high == 0 ? "=?us-ascii?" : utf8_ ? "=?utf-8?" : "=?unknown-8bit?";
    begin_ += base64_ ? "b?" : "q?";
  }

  void append_to(std::string& out, std::size_t first_room) {
    std::size_t room = first_room - begin_.size() - 2;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text_.size();) {
      count_steps();
      const std::size_t length = utf8_ ? utf8_length(text_, at) : 1;
      if (!fits(begin, at, length, room)) {
        append_word(out, begin, at);
        out += ' ';
        room = kLongestWord - begin_.size() - 2;
        begin = at;
        quoted_ = 0;
      }
      quoted_ += quoted_size(text_.substr(at, length), place_);
      at += length;
    }
    append_word(out, begin, text_.size());
  }

 private:
  bool fits(std::size_t begin, std::size_t at, std::size_t length, std::size_t room) const {
    if (base64_) return base64_size(at + length - begin) <= room;
    return quoted_ + quoted_size(text_.substr(at, length), place_) <= room;
  }

  void append_word(std::string& out, std::size_t begin, std::size_t end) const {
    const std::string_view octets = text_.substr(begin, end - begin);
    out += begin_;
    if (base64_) {
      append_base64(out, octets);
    } else {
      append_quoted(out, octets, place_);
    }
    out += "?=";
  }

  std::string_view text_;
  WordPlace place_;
  bool utf8_ = false;
  bool base64_ = false;
  std::string begin_;
  std::size_t quoted_ = 0;  // what the word begun would have as "q"
};

std::size_t room_after(std::size_t column) {
  constexpr std::size_t kLeast = sizeof "=?unknown-8bit?q?" - 1 + kLongestQuoted + 2;
  if (column + kLeast > kLongestLine) return kLongestWord;  // on a line of its own, then
  return std::min(kLongestWord, kLongestLine - column);
}

bool needs_encoding(std::string_view word) {
  return word.size() > kLongestPlain || word.find("=?") != std::string_view::npos ||
         !std::ranges::all_of(word, is_printable);
}

// Encodes those words of a text that need it, with what blanks must go with them.
class TextEncoder {
 public:
  TextEncoder(std::string_view text, std::size_t column) : text_(text), column_(column) {}

  std::string run() && {
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t begin = std::min(text_.find_first_not_of(' ', at), text_.size());
      const std::size_t end = std::min(text_.find(' ', begin), text_.size());
      take(at, begin, end);
      at = end;
    }
    flush();
    out_ += text_.substr(copied_);
    return std::move(out_);
  }

 private:
  // Blanks from `blanks` to `begin`, then a word to `end`, empty only at the end of the text. A
  // reader takes blanks off both ends of a text: there they are encoded.
  void take(std::size_t blanks, std::size_t begin, std::size_t end) {
    count_steps(end - blanks);
    const bool outside = (blanks == 0 && begin > 0) || begin == end;
    const bool many = begin - blanks > kLongestBlanks;
    const bool last = text_.find_first_not_of(' ', end) == std::string_view::npos;
    if (outside || many || (last && end < text_.size()) ||
        needs_encoding(text_.substr(begin, end - begin))) {
      if (!open_) run_begin_ = blanks == 0 ? 0 : many ? blanks + 1 : begin;
      open_ = true;
      run_end_ = end;
    } else {
      flush();
    }
  }

  void flush() {
    if (!open_) return;
    out_ += text_.substr(copied_, run_begin_ - copied_);
    const std::size_t column = out_.empty() ? column_ : 0;
    Encoder(text_.substr(run_begin_, run_end_ - run_begin_), WordPlace::unstructured)
        .append_to(out_, room_after(column));
    copied_ = run_end_;
    open_ = false;
  }

  std::string_view text_;
  std::size_t column_;
  std::string out_;
  std::size_t copied_ = 0;
  std::size_t run_begin_ = 0;
  std::size_t run_end_ = 0;
  bool open_ = false;
};

}  // namespace

std::string decode_words(std::string_view text) {
  return Decoder(text).run();
}

std::string encode_words(std::string_view text, WordPlace place, std::size_t column) {
  if (place == WordPlace::unstructured) return TextEncoder(text, column).run();
  std::string out;
  if (!text.empty()) Encoder(text, place).append_to(out, room_after(column));
  return out;
}

}  // namespace porpoise::mail
