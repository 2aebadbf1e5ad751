// Names of messages in a Maildir, which no other delivery to it, on any host, ever makes.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace porpoise::maildir {

inline constexpr std::size_t kMaxHostOctets = 128;  ///< of the host's part of a name

/// What makes a name unique: when, who, the how-manieth of this process, chance, and where.
struct Stamp {
  std::int64_t wall_us = 0;
  pid_t pid = 0;
  unsigned sequence = 0;
  std::uint64_t random = 0;
  std::string host;
};

/// "TIME.M<usec>P<pid>Q<sequence>R<random>.HOST": TIME is seconds since 1970, `random` 16
/// hexadecimal digits, HOST as safe_host() has it.
std::string unique_name(const Stamp& stamp);

/// The same with ",S=<octets>,W=<octets where every line ends in CRLF>": readers learn both sizes
/// without opening the file. Without a `wire_size` only S.
std::string with_sizes(std::string_view name, std::uint64_t size,
                       std::optional<std::uint64_t> wire_size);

/// `host` fit for a file name and for a reader that looks for ':' and ',': "/" becomes "\057", ":"
/// "\072", "," "\054", control octets and blanks likewise; cut at kMaxHostOctets.
std::string safe_host(std::string_view host);

}  // namespace porpoise::maildir
