// Counts what a parser does, in fuzz builds only, so that fuzz targets can show that an input of n
// octets costs O(n) steps. Elsewhere a step is nothing at all.
#pragma once

#include <cstdint>

namespace porpoise::mail {

#ifdef PORPOISE_COUNT_STEPS
inline thread_local std::uint64_t steps = 0;
inline void count_steps(std::uint64_t n = 1) {
  steps += n;
}
#else
inline void count_steps(std::uint64_t = 1) {}
#endif

}  // namespace porpoise::mail
