#include "libmail/xtext.h"

#include "libmail/steps.h"

namespace porpoise::mail {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_plain(char c) {
  return c >= '!' && c <= '~' && c != '+' && c != '=';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Gives each octet that `text` stands for; where it stops being xtext.
template <class Each>
std::optional<std::size_t> decode(std::string_view text, Each each) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    count_steps();
    if (is_plain(text[at])) {
      each(text[at]);
      continue;
    }
    if (text[at] != '+' || text.size() - at < 3) return at;
    const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
    if (high < 0 || low < 0) return at;
    each(static_cast<char>(high * 16 + low));
    at += 2;
  }
  return std::nullopt;
}

}  // namespace

std::string encode_xtext(std::string_view text) {
  std::string coded;
  coded.reserve(text.size());
  for (const char c : text) {
    count_steps();
    if (is_plain(c)) {
      coded += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    coded += '+';
    coded += kHex[octet >> 4];
    coded += kHex[octet & 15];
  }
  return coded;
}

std::optional<std::size_t> xtext_fault(std::string_view text) {
  return decode(text, [](char) {});
}

std::optional<std::string> decode_xtext(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  if (decode(text, [&](char c) { plain += c; })) return std::nullopt;
  return plain;
}

bool is_printable_xtext(std::string_view text) {
  bool printable = true;
  const auto fault = decode(text, [&](char c) { printable = printable && c >= ' ' && c <= '~'; });
  return !fault && printable;
}

}  // namespace porpoise::mail
