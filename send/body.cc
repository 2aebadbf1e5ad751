#include "send/body.h"

#include <algorithm>
#include <cstring>

namespace porpoise::send {

Texts::Texts(std::size_t texts, std::size_t octets)
    : block_(std::make_unique<char[]>(texts * sizeof(std::uint32_t) + octets)),
      room_(static_cast<std::uint32_t>(texts)) {}

void Texts::add(std::string_view text) {
  const std::uint32_t begin = added_ == 0 ? 0 : end_of(added_ - 1);
  const auto end = static_cast<std::uint32_t>(begin + text.size());
  std::memcpy(block_.get() + added_++ * sizeof end, &end, sizeof end);
  text.copy(block_.get() + room_ * sizeof end + begin, text.size());
}

std::string_view Texts::operator[](std::size_t i) const {
  const std::uint32_t begin = i == 0 ? 0 : end_of(i - 1);
  return {block_.get() + room_ * sizeof begin + begin, end_of(i) - begin};
}

std::uint32_t Texts::end_of(std::size_t i) const {
  std::uint32_t end;
  std::memcpy(&end, block_.get() + i * sizeof end, sizeof end);
  return end;
}

std::string_view Body::progress_of(std::uint32_t recipient) const {
  const auto at = std::ranges::lower_bound(progress, recipient, {},
                                           &std::pair<std::uint32_t, std::string>::first);
  return at != progress.end() && at->first == recipient ? at->second : std::string_view();
}

}  // namespace porpoise::send
