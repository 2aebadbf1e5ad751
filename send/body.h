// What a delivery of an open message needs of it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "posix/unique_fd.h"
#include "queue/file.h"

namespace porpoise::send {

/// Texts in one block of memory: neither a message with one recipient nor a list of a hundred
/// thousand has a string for each.
class Texts {
 public:
  Texts() = default;
  /// Room for exactly so many, of so many octets together: below 4 GB, as an envelope is by far.
  Texts(std::size_t texts, std::size_t octets);
  void add(std::string_view text);
  std::string_view operator[](std::size_t i) const;

 private:
  std::uint32_t end_of(std::size_t i) const;

  std::unique_ptr<char[]> block_;  // where each ends, then the octets
  std::uint32_t room_ = 0;         // for so many texts
  std::uint32_t added_ = 0;
};

struct Body {
  std::unique_ptr<queue::File> file;  ///< until its content is copied
  Texts addresses;                    ///< the sender, then the recipients
  std::vector<std::pair<std::uint32_t, std::string>>
      progress;  ///< of recipients that have any, in order
  std::uint64_t content_octets = 0;
  posix::UniqueFd content;

  std::string_view sender() const { return addresses[0]; }
  std::string_view recipient(std::uint32_t i) const { return addresses[std::size_t{i} + 1]; }
  /// The last note of the attempt before, or "".
  std::string_view progress_of(std::uint32_t recipient) const;
};

}  // namespace porpoise::send
