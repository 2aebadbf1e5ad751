// control/minfree: how much of the disk stays free. Mail is refused for a while before a disk is
// full, so that what was accepted can still be recorded, retried and returned.

#pragma once

#include <cstdint>
#include <string_view>

#include "libmail/result.h"

namespace porpoise::queue {

/// A number, or hundredths of a percent of the whole.
struct Least {
  std::uint64_t count = 0;
  std::uint64_t hundredths = 0;

  std::uint64_t of(std::uint64_t whole) const;
  bool operator==(const Least&) const = default;
};

struct MinFree {
  Least octets{.hundredths = 100};
  Least inodes{.hundredths = 100};

  bool operator==(const MinFree&) const = default;

  /// "OCTETS" or "OCTETS INODES": each a number, of octets also with K, M, G or T, or a percentage
  /// like "2.5%". 0 keeps nothing free. Errors tell what is wrong with the text.
  static Result<MinFree> parse(std::string_view text);
  /// As control/minfree of the folder `instance` says; 1 % of both without it. Temporary errors,
  /// naming the file.
  static Result<MinFree> load(int instance);

  /// A temporary error with sys = ENOSPC where the file system of `folder` has less left than that.
  /// One that has no number of inodes has enough of them.
  Result<> check(int folder) const;
};

}  // namespace porpoise::queue
