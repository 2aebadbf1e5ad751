#include "smtp/own_addresses.h"

#include <algorithm>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>

namespace porpoise::smtp {
namespace {

constexpr std::string_view kIpv6 = "ipv6:";
constexpr std::string_view kMapped{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};

std::string unmapped(std::string octets) {
  if (octets.size() == 16 && octets.starts_with(kMapped)) octets.erase(0, kMapped.size());
  return octets;
}

bool has_ipv6_tag(std::string_view text) {
  return std::ranges::equal(text.substr(0, kIpv6.size()), kIpv6, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
}

template <class Address>
std::string octets_of(const Address& address) {
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

}  // namespace

std::string literal_octets(std::string_view literal) {
  if (literal.size() < 2 || literal.front() != '[' || literal.back() != ']') return "";
  literal = literal.substr(1, literal.size() - 2);
  if (has_ipv6_tag(literal)) {
    in6_addr address;
    const std::string text(literal.substr(kIpv6.size()));
    if (::inet_pton(AF_INET6, text.c_str(), &address) != 1) return "";
    return unmapped(octets_of(address));
  }
  in_addr address;
  if (::inet_pton(AF_INET, std::string(literal).c_str(), &address) != 1) return "";
  return octets_of(address);
}

std::string print_literal(std::string_view octets) {
  char room[INET6_ADDRSTRLEN] = "";
  const bool four = octets.size() == 4;
  if (::inet_ntop(four ? AF_INET : AF_INET6, octets.data(), room, sizeof room) == nullptr)
    return "";
  return fmt::format("[{}{}]", four ? "" : "IPv6:", room);
}

OwnAddresses OwnAddresses::of_this_host() {
  std::vector<std::string> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return OwnAddresses({});
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    if (at->ifa_addr->sa_family == AF_INET) {
      found.push_back(octets_of(reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr));
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      found.push_back(octets_of(reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr));
    }
  }
  return OwnAddresses(std::move(found));
}

bool OwnAddresses::holds(std::string_view literal) const {
  const std::string octets = literal_octets(literal);
  if (octets.empty()) return false;
  if (octets.size() == 4 && octets[0] == 127) return true;
  if (octets.find_first_not_of('\0') == std::string::npos) return true;
  if (octets.size() == 16 && octets.find_first_not_of('\0') == 15 && octets[15] == 1) return true;
  return std::ranges::find(octets_, octets) != octets_.end();
}

}  // namespace porpoise::smtp
