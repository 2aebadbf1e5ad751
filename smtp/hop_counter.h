// How often a message went around already (RFC 5321 section 6.3).

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace porpoise::smtp {

/// Counts the Received and Delivered-To fields of a message's header, in pieces of any size.
class HopCounter {
 public:
  /// `text` in stored form: lines end in LF.
  void feed(std::string_view text);

  std::size_t count() const { return count_; }

 private:
  void look_at(char c);

  static constexpr std::uint8_t kAll = 3;

  bool in_header_ = true;
  std::size_t octets_ = 0;          // of the line so far, while it can be the name of a field
  std::uint8_t candidates_ = kAll;  // the names it can still be, a bit each
  bool skipping_ = false;           // to the end of the line
  std::size_t count_ = 0;
};

}  // namespace porpoise::smtp
