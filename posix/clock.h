// The real clocks and randomness, for main() to hand down. Nothing below bin/ and posix/ asks
// for the time by itself.

#pragma once

#include <cstdint>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::posix {

/// Wall-clock time in microseconds since 1970, UTC.
std::int64_t wall_us();

/// Time in microseconds that runs on in suspend and is never set (CLOCK_BOOTTIME): for waiting.
std::int64_t running_us();

/// 64 random bits from the kernel; waits for the pool at boot, never fails afterwards.
std::uint64_t random_bits();

/// This host's name as gethostname(2) has it; "localhost" where there is none.
std::string host_name();

}  // namespace porpoise::posix
