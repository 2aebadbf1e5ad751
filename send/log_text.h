// The words of the log: lines whose stories people's analysers know (reference 5.10). Pure.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace porpoise::send {

/// Text from outside as one word of a line: LF becomes "/"; "%", blanks, control octets and
/// octets from 127 on become "_".
std::string log_safe(std::string_view text);

/// "2026-11-21T10:45:00.123Z": UTC, from microseconds since 1970.
std::string timestamp(std::int64_t wall_us);

}  // namespace porpoise::send
