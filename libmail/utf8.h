// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing beyond U+10FFFF.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace porpoise::mail {

/// What stands for an octet that means nothing.
inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// The octets of the character that begins at `at`, which is in `text`; 0: it is not UTF-8.
std::size_t utf8_length(std::string_view text, std::size_t at);

bool is_utf8(std::string_view text);

/// Appends one character; U+FFFD where `character` is none.
void append_utf8(std::string& out, char32_t character);

/// Appends `text`, with U+FFFD in place of each octet that belongs to no character. True: there was
/// none.
bool append_as_utf8(std::string& out, std::string_view text);

}  // namespace porpoise::mail
