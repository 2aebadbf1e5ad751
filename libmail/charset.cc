#include "libmail/charset.h"

#include <algorithm>
#include <array>

#include "libmail/charset_tables.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace porpoise::mail {

struct Charset {
  enum class Kind { utf8, ascii, table };
  std::string_view name;  // lower case, without "-", "_" and blanks
  Kind kind = Kind::table;
  const charsets::Upper* upper = nullptr;
};

namespace {

using namespace charsets;
using Kind = Charset::Kind;

// Sorted by name.
constexpr std::array kCharsets = {
    Charset{"ansix3.41968", Kind::ascii},
    Charset{"ascii", Kind::ascii},
    Charset{"cp1250", Kind::table, &kWindows1250},
    Charset{"cp1251", Kind::table, &kWindows1251},
    Charset{"cp1252", Kind::table, &kWindows1252},
    Charset{"cp1253", Kind::table, &kWindows1253},
    Charset{"cp1254", Kind::table, &kWindows1254},
    Charset{"cp1255", Kind::table, &kWindows1255},
    Charset{"cp1256", Kind::table, &kWindows1256},
    Charset{"cp1257", Kind::table, &kWindows1257},
    Charset{"cp1258", Kind::table, &kWindows1258},
    Charset{"iso88591", Kind::table, &kWindows1252},
    Charset{"iso885910", Kind::table, &kIso885910},
    Charset{"iso885911", Kind::table, &kWindows874},
    Charset{"iso885913", Kind::table, &kIso885913},
    Charset{"iso885914", Kind::table, &kIso885914},
    Charset{"iso885915", Kind::table, &kIso885915},
    Charset{"iso885916", Kind::table, &kIso885916},
    Charset{"iso88592", Kind::table, &kIso88592},
    Charset{"iso88593", Kind::table, &kIso88593},
    Charset{"iso88594", Kind::table, &kIso88594},
    Charset{"iso88595", Kind::table, &kIso88595},
    Charset{"iso88596", Kind::table, &kIso88596},
    Charset{"iso88597", Kind::table, &kIso88597},
    Charset{"iso88598", Kind::table, &kIso88598},
    Charset{"iso88598i", Kind::table, &kIso88598},
    Charset{"iso88599", Kind::table, &kWindows1254},
    Charset{"koi8r", Kind::table, &kKoi8R},
    Charset{"koi8u", Kind::table, &kKoi8U},
    Charset{"latin1", Kind::table, &kWindows1252},
    Charset{"tis620", Kind::table, &kWindows874},
    Charset{"usascii", Kind::ascii},
    Charset{"utf8", Kind::utf8},
    Charset{"windows1250", Kind::table, &kWindows1250},
    Charset{"windows1251", Kind::table, &kWindows1251},
    Charset{"windows1252", Kind::table, &kWindows1252},
    Charset{"windows1253", Kind::table, &kWindows1253},
    Charset{"windows1254", Kind::table, &kWindows1254},
    Charset{"windows1255", Kind::table, &kWindows1255},
    Charset{"windows1256", Kind::table, &kWindows1256},
    Charset{"windows1257", Kind::table, &kWindows1257},
    Charset{"windows1258", Kind::table, &kWindows1258},
    Charset{"windows874", Kind::table, &kWindows874},
};
static_assert(std::ranges::is_sorted(kCharsets, {}, &Charset::name));

constexpr std::size_t kLongestName = 12;

}  // namespace

const Charset* find_charset(std::string_view name) {
  std::array<char, kLongestName> buffer{};
  std::size_t size = 0;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == ' ') continue;
    if (size == buffer.size()) return nullptr;
    buffer[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  const std::string_view wanted(buffer.data(), size);
  const auto* found = std::ranges::lower_bound(kCharsets, wanted, {}, &Charset::name);
  return found != kCharsets.end() && found->name == wanted ? found : nullptr;
}

bool append_decoded(std::string& out, std::string_view octets, const Charset& charset) {
  if (charset.kind == Kind::utf8) return append_as_utf8(out, octets);
  bool whole = true;
  for (const char c : octets) {
    count_steps();
    const auto octet = static_cast<unsigned char>(c);
    const bool table = charset.kind == Kind::table;
    const char16_t character = octet < 128 ? octet
                               : table     ? (*charset.upper)[octet - 128U]
                                           : 0xfffd;
    whole = whole && character != 0xfffd;
    append_utf8(out, character);
  }
  return whole;
}

}  // namespace porpoise::mail
