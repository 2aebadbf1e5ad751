// The name of a message: 56 bits of microseconds and 40 random bits, written as 20 base-32
// characters (0-9 a-z without i l o u, in ASCII order), so that names sort by time of arrival.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace porpoise::queue {

class Id {
 public:
  static constexpr std::size_t kLength = 20;
  static constexpr std::size_t kOctets = 12;

  Id() = default;  ///< all zeros: no message
  /// `wall_us`: microseconds since 1970; `random`: its low 40 bits are taken.
  static Id make(std::int64_t wall_us, std::uint64_t random);
  /// Exactly what text() gives; anything else is nullopt.
  static std::optional<Id> parse(std::string_view text);

  std::string text() const;
  /// The 96 bits, most significant first, and back: `octets` are kOctets.
  std::string_view octets() const;
  static Id from_octets(std::string_view octets);
  std::int64_t wall_us() const;  ///< when it was made
  /// The two characters of text() that name its folder in deferred/: taken from the random part.
  std::string folder() const;
  std::uint32_t folder_number() const;  ///< below 1024, in the order of the folders' names

  auto operator<=>(const Id&) const = default;

 private:
  std::array<std::uint8_t, kOctets> octets_{};  // big-endian, so that comparing them compares times
};

}  // namespace porpoise::queue
