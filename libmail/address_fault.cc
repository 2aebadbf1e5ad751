#include "libmail/address_fault.h"

#include <fmt/format.h>

#include "libmail/utf8.h"

namespace porpoise::mail {

std::string excerpt(std::string_view text, std::size_t at) {
  constexpr std::size_t kShown = 40;
  const bool cut = text.size() - at > kShown;
  std::string piece(text.substr(at, kShown));
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  if (cut && continues(text[at + kShown])) {
    while (!piece.empty() && continues(piece.back())) piece.pop_back();
    if (!piece.empty()) piece.pop_back();
  }
  std::erase(piece, '\r');
  for (char& c : piece) {
    if (c == '\n' || c == '\t') c = ' ';
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  piece.erase(piece.find_last_not_of(' ') + 1);
  std::string shown;
  append_as_utf8(shown, piece);
  return shown + (cut ? "..." : "");
}

AddressFault address_fault(std::string_view body, std::size_t at, std::string_view why) {
  return {at, fmt::format("{}: \"{}\"", why, excerpt(body, at))};
}

}  // namespace porpoise::mail
