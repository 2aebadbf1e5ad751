#include "front/pauses.h"

#include <algorithm>

namespace porpoise::front {

std::int64_t Pauses::after(std::int64_t ran_us) {
  if (ran_us >= kSteadyUs) next_us_ = kFirstUs;
  const std::int64_t pause = next_us_;
  next_us_ = std::min(next_us_ * 2, kLongestUs);
  return pause;
}

}  // namespace porpoise::front
