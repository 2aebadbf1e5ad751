// The password check that popup starts, by the checkpassword interface (reference 10.2): name and
// password come on descriptor 3; who knows them becomes the rest of the command line.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::pop3d {

inline constexpr std::size_t kMaxLoginRecordOctets = 512;

/// name NUL secret NUL stamp NUL; what follows is reserved. Nothing where it is anything else.
struct LoginRecord {
  std::string name, secret;
};
std::optional<LoginRecord> parse_login_record(std::string_view octets);

/// The whole program after its options. Gives an exit code only where it did not become `program`:
/// 1 wrong name or password, 2 nothing to check on descriptor 3 or nothing to become, 111 (as an
/// error) trouble.
Result<int> run_checkpassword(const std::optional<std::string>& instance,
                              const std::vector<std::string>& program);

/// Beside a popup, as root, in a system instance (beside.h): checks the records that come on
/// descriptor 3, and with the right one becomes the user, in their home, and `program` on our
/// descriptors 0 and 1. Without: 0 when popup has ended. Nobody is served as uid 0, as an account
/// of Porpoise's own, or without a home that is theirs.
Result<int> run_beside(const std::optional<std::string>& instance,
                       const std::vector<std::string>& program);

}  // namespace porpoise::pop3d
