// Base64 (RFC 4648 section 4).

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// The octets that `count` octets become.
constexpr std::size_t base64_size(std::size_t count) {
  return (count + 2) / 3 * 4;
}

/// Appends `octets`, padded, on one line.
void append_base64(std::string& out, std::string_view octets);

/// Appends what `text` says. False, and nothing appended: an octet that is not of the alphabet, a
/// "=" that is not at the end, a length no encoder makes. Missing "=" at the end are forgiven.
bool append_unbase64(std::string& out, std::string_view text);

}  // namespace porpoise::mail
