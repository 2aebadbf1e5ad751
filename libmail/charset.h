// Character sets by their names in mail (RFC 2978): UTF-8, US-ASCII, ISO-8859-1 to -16, windows-874
// and -1250 to -1258, KOI8-R, KOI8-U. Their tables are in the program: what a text means does not
// depend on the machine.

#pragma once

#include <string>
#include <string_view>

namespace porpoise::mail {

struct Charset;

/// The set of this name, by any of its usual spellings; nullptr: not one of ours. As everywhere,
/// ISO-8859-1, -9 and -11 are read as the windows sets that contain them.
const Charset* find_charset(std::string_view name);

/// Appends `octets`, written in `charset`, as UTF-8: U+FFFD for each octet that means nothing.
/// True: there was none.
bool append_decoded(std::string& out, std::string_view octets, const Charset& charset);

}  // namespace porpoise::mail
