#include "smtp/hop_counter.h"

#include <algorithm>

#include "libmail/steps.h"

namespace porpoise::smtp {
namespace {

constexpr std::string_view kNames[] = {"received:", "delivered-to:"};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

void HopCounter::feed(std::string_view text) {
  while (in_header_ && !text.empty()) {
    if (skipping_) {
      const std::size_t lf = std::min(text.find('\n'), text.size());
      mail::count_steps(lf / 16 + 1);
      text.remove_prefix(lf);
      if (text.empty()) return;
    }
    look_at(text.front());
    text.remove_prefix(1);
    mail::count_steps();
  }
}

void HopCounter::look_at(char c) {
  if (c == '\n') {
    in_header_ = skipping_ || octets_ > 0;  // an empty line ends the header
    octets_ = 0;
    candidates_ = kAll;
    skipping_ = false;
    return;
  }
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    const auto bit = static_cast<std::uint8_t>(1u << i);
    if ((candidates_ & bit) == 0) continue;
    if (kNames[i][octets_] != lower(c)) {
      candidates_ &= static_cast<std::uint8_t>(~bit);
    } else if (octets_ + 1 == kNames[i].size()) {
      ++count_;
      candidates_ = 0;
      break;
    }
  }
  ++octets_;
  skipping_ = candidates_ == 0;
}

}  // namespace porpoise::smtp
