// What a delivery of an open message needs of it.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/file.h"

namespace porpoise::send {

/// Many texts in one: a list of a hundred thousand recipients has no string for each.
class Texts {
 public:
  void add(std::string_view text) {
    all_ += text;
    ends_.push_back(static_cast<std::uint32_t>(all_.size()));  // an envelope is below 4 GB by far
  }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(all_).substr(begin, ends_[i] - begin);
  }
  void reserve(std::size_t texts, std::size_t octets) {
    ends_.reserve(texts);
    all_.reserve(octets);
  }

 private:
  std::string all_;
  std::vector<std::uint32_t> ends_;
};

struct Body {
  std::unique_ptr<queue::File> file;  ///< until its content is copied
  std::string sender;
  Texts recipients;
  std::vector<std::pair<std::uint32_t, std::string>>
      progress;  ///< of those that have any, in order
  std::uint64_t content_octets = 0;
  posix::UniqueFd content;
  bool copying = false;
  std::vector<std::function<void(const Result<>&)>> wait_for_content;

  /// The last note of the attempt before, or "".
  std::string_view progress_of(std::uint32_t recipient) const;
};

}  // namespace porpoise::send
