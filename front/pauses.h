// How long to wait before a part that ended is started again. Pure.

#pragma once

#include <cstdint>

namespace porpoise::front {

class Pauses {
 public:
  static constexpr std::int64_t kFirstUs = 250'000;
  static constexpr std::int64_t kLongestUs = 60'000'000;
  /// What ran this long had not failed at its start: the next pause is the first again.
  static constexpr std::int64_t kSteadyUs = 60'000'000;

  /// The pause after something that ran for `ran_us`: kFirstUs, then twice the one before, up to
  /// kLongestUs.
  std::int64_t after(std::int64_t ran_us);

 private:
  std::int64_t next_us_ = kFirstUs;
};

}  // namespace porpoise::front
