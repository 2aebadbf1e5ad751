// xtext (RFC 3461 section 4): printable ASCII in which "+HH" stands for any octet. ENVID, ORCPT
// and AUTH carry it.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// Every octet but "!" to "~", and "+" and "=" themselves, as "+HH".
std::string encode_xtext(std::string_view text);

/// Where `text` stops being xtext; nothing where all of it is. Lower-case hex digits are none.
std::optional<std::size_t> xtext_fault(std::string_view text);

/// What it stands for; nothing where it is not xtext.
std::optional<std::string> decode_xtext(std::string_view text);

/// Whether `text` is xtext that stands for nothing but printable ASCII and blanks, as ENVID and
/// ORCPT demand (RFC 3461 sections 4.2 and 4.4): so that decoded it fits a line.
bool is_printable_xtext(std::string_view text);

}  // namespace porpoise::mail
