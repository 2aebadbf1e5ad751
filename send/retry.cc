#include "send/retry.h"

#include <algorithm>
#include <cmath>

namespace porpoise::send {
namespace {

std::int64_t root(std::int64_t n) {
  auto r = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
  while (r * r > n) --r;
  while ((r + 1) * (r + 1) <= n) ++r;
  return r;
}

}  // namespace

std::int64_t next_attempt(std::int64_t birth_s, std::int64_t now_s, std::int64_t step) {
  const std::int64_t age = std::max<std::int64_t>(now_s - birth_s, 0);
  const std::int64_t r = root(age) + step;
  return now_s - age + r * r;
}

std::int64_t next_attempt_jittered(std::int64_t birth_s, std::int64_t now_s, std::int64_t step,
                                   std::uint64_t random) {
  const std::int64_t next = next_attempt(birth_s, now_s, step);
  const std::int64_t spread = (next - now_s) / 16;
  return next + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(spread + 1));
}

}  // namespace porpoise::send
