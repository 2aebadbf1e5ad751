// What send tells bounce, on descriptor 3: NUL-ended fields, in a file in memory.
//
//   sender NUL arrival NUL *( address NUL text NUL )
//
// `arrival` is microseconds since 1970 in decimal; addresses are as in the envelope.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libmail/result.h"
#include "posix/unique_fd.h"
#include "queue/file.h"
#include "send/notice.h"

namespace porpoise::send {

/// Of the recipients that `file` has recorded under the open intent `notice`. ENOENT in Error::sys
/// where there is no such intent.
Result<posix::UniqueFd> describe_failures(const queue::File& file, const queue::Id& notice);

/// Reads one in pieces; as often as needed.
class DescriptionReader {
 public:
  static constexpr std::size_t kMaxFieldOctets = 16384;

  explicit DescriptionReader(int fd) : fd_(fd) {}

  struct About {
    std::string sender;
    std::int64_t arrival_us = 0;
  };
  /// Goes to the beginning, from where next() goes on to the failures.
  Result<About> begin();
  /// Nothing: that was the last one.
  Result<std::optional<Failure>> next();

 private:
  Result<std::optional<std::string>> field();
  int fd_;
  off_t offset_ = 0;
  std::string room_;
};

}  // namespace porpoise::send
