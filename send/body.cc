#include "send/body.h"

#include <algorithm>

namespace porpoise::send {

std::string_view Body::progress_of(std::uint32_t recipient) const {
  const auto at = std::ranges::lower_bound(progress, recipient, {},
                                           &std::pair<std::uint32_t, std::string>::first);
  return at != progress.end() && at->first == recipient ? at->second : std::string_view();
}

}  // namespace porpoise::send
