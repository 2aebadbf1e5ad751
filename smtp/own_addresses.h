// Which address literals mean this host (RFC 1123 section 5.2.17).

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace porpoise::smtp {

/// The octets of an address literal, "[192.0.2.1]" or "[IPv6:2001:db8::1]": 4 or 16, an IPv4
/// address in IPv6 form as 4; "" for anything else.
std::string literal_octets(std::string_view literal);

/// The same in the form of a literal.
std::string print_literal(std::string_view octets);

class OwnAddresses {
 public:
  /// Those of this host's interfaces now; where they cannot be asked for, loopback only.
  static OwnAddresses of_this_host();

  explicit OwnAddresses(std::vector<std::string> octets) : octets_(std::move(octets)) {}

  /// Loopback and "any" addresses are always ours.
  bool holds(std::string_view literal) const;

 private:
  std::vector<std::string> octets_;
};

}  // namespace porpoise::smtp
