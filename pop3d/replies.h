// Reply texts that popup and pop3d share.

#pragma once

#include <string>
#include <string_view>

namespace porpoise::pop3d {

inline constexpr std::string_view kLineTooLong = "-ERR line too long\r\n";
inline constexpr std::string_view kTooManyBadCommands = "-ERR too many bad commands\r\n";
inline constexpr std::string_view kInUse =
    "-ERR [IN-USE] another session has this mailbox open\r\n";

/// The answer to CAPA (RFC 2449 section 5), the same before and after login. AUTH-RESP-CODE
/// (RFC 3206): [AUTH] means the password, [SYS/TEMP] and [SYS/PERM] the server.
inline constexpr std::string_view kCapabilities =
    "+OK capability list follows\r\n"
    "TOP\r\n"
    "USER\r\n"
    "UIDL\r\n"
    "RESP-CODES\r\n"
    "AUTH-RESP-CODE\r\n"
    "PIPELINING\r\n"
    "EXPIRE NEVER\r\n"
    "IMPLEMENTATION Porpoise\r\n"
    ".\r\n";

}  // namespace porpoise::pop3d
