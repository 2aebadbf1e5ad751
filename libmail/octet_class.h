// What an octet may be in a structured field body, looked up rather than compared.

#pragma once

#include <array>
#include <string_view>

namespace porpoise::mail {

enum OctetClass : unsigned char {
  kBlank = 1,     ///< separates tokens: blank, tab, CR, LF
  kEndsAtom = 2,  ///< where people's atoms end: a blank or one of ( [ " < > ; : @ , .
  kAtext = 4,     ///< RFC 5322's atext, and octets from 128 on (RFC 6532)
  kOdd = 8,       ///< means more than itself even in quotes: backslash, CR, LF; NUL
};

inline constexpr std::array<unsigned char, 256> kOctetClasses = [] {
  std::array<unsigned char, 256> classes{};
  for (unsigned octet = 33; octet < 256; ++octet) classes[octet] = kAtext;
  for (const unsigned char c : std::string_view("()<>[]:;@\\,.\"\x7f")) classes[c] = 0;
  for (const unsigned char c : std::string_view("([\"<>;:@,.")) classes[c] |= kEndsAtom;
  for (const unsigned char c : std::string_view(" \t\r\n")) classes[c] |= kBlank | kEndsAtom;
  for (const unsigned char c : std::string_view("\\\r\n\0", 4)) classes[c] |= kOdd;
  return classes;
}();

constexpr bool is_octet(char c, OctetClass wanted) {
  return (kOctetClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

}  // namespace porpoise::mail
