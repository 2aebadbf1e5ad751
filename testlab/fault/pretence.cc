#include "pretence.h"

#include <algorithm>
#include <elf.h>
#include <functional>
#include <vector>

#include "stopped.h"

namespace porpoise::fault {
namespace {

constexpr std::int64_t kMonotonicStartUs = 1'000'000'000;

// 64 words from `address` on, fewer at the end of what is mapped.
std::vector<std::uint64_t> words_at(const Stopped& at, unsigned long long address) {
  for (std::size_t count = 64; count > 0; count /= 2) {
    std::vector<std::uint64_t> words(count);
    if (at.read_memory(address, words.data(), count * 8)) return words;
  }
  return {};
}

}  // namespace

Pretence::Pretence(std::int64_t wall_us, std::uint64_t seed, const std::string& node)
    : wall_us_(wall_us), state_(seed * 0x9e3779b97f4a7c15 + std::hash<std::string>{}(node)) {}

std::int64_t Pretence::read(clockid_t clock, std::int64_t since_us) const {
  const bool wall = is_wall(clock);
  const bool running = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
                       clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
  if (!wall && !running) return -1;
  return (wall ? wall_us_ : kMonotonicStartUs) + since_us / kStepUs * kStepUs * kPace;
}

std::int64_t Pretence::reached(std::int64_t monotonic_us) {
  constexpr std::int64_t kShown = kStepUs * kPace;
  const std::int64_t since = std::max<std::int64_t>(0, monotonic_us - kMonotonicStartUs);
  return (since + kShown - 1) / kShown * kStepUs;
}

std::uint8_t Pretence::octet() {
  // splitmix64, one octet of each word.
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return static_cast<std::uint8_t>((z ^ z >> 31) >> 56);
}

std::int64_t running_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

// On the stack of a new program: argc, its arguments, 0, the environment, 0, then pairs of type
// and value up to the type 0.
void hide_vdso(pid_t pid) {
  const Stopped at(pid);
  unsigned long long address = at.stack();
  int zeros = -1;  // argc is no end of anything, even where it is 0
  bool value_next = false;
  for (;;) {
    const std::vector<std::uint64_t> words = words_at(at, address);
    if (words.empty()) return;
    for (const std::uint64_t word : words) {
      if (zeros < 2) {
        zeros += zeros < 0 || word == 0;
      } else if (value_next) {
        value_next = false;
      } else if (word == AT_SYSINFO_EHDR) {
        const std::uint64_t ignore = AT_IGNORE;
        at.write_memory(address, &ignore, sizeof ignore);
        return;
      } else if (word == AT_NULL) {
        return;
      } else {
        value_next = true;
      }
      address += 8;
    }
  }
}

}  // namespace porpoise::fault
