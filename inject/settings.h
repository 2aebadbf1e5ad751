// What inject knows besides the message and the command line: who calls, and which hosts complete
// an address (reference 2.2 and section 12).

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "inject/failure.h"
#include "libmail/qualify.h"

namespace porpoise::inject {

inline constexpr std::size_t kLongestName = 256;  ///< of a full name; what is longer is cut
inline constexpr std::size_t kLongestUser = 256;  ///< of a user in the environment
inline constexpr std::size_t kLongestHost = 255;  ///< RFC 1035 section 2.3.4

inline bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

/// The caller, where the environment does not say: of the password file, else of the instance.
struct Account {
  std::string user;  ///< never empty: "anonymous" where nobody knows
  std::string name;  ///< may be empty
};

/// A full name out of a password entry's comment field: what stands before the first comma, "&"
/// replaced by the login name with a capital.
std::string gecos_name(std::string_view gecos, std::string_view user);

/// The letters of QMAILINJECT; others mean nothing.
struct Letters {
  bool comment_from = false;        ///< c: `u@h (Name)` instead of `Name <u@h>`
  bool ignore_return_path = false;  ///< s: it is deleted anyway
  bool delete_from = false;         ///< f: but not of a resent message, where it is another's
  bool delete_message_id = false;   ///< i: as f
  bool recipient_verp = false;      ///< r: the sender differs for each recipient
  bool message_verp = false;        ///< m: the sender differs for each message
  bool utf8_names = false;          ///< u: a made From holds UTF-8, no encoded words
};

struct Settings {
  mail::Hosts hosts{};
  std::string id_host{};
  std::optional<std::string> user{};
  std::optional<std::string> host{};
  std::optional<std::string> name{};  ///< set and empty: no name
  std::optional<std::string> sender_user{};
  std::optional<std::string> sender_host{};
  Letters letters{};
  std::set<std::string, std::less<>> lists{};  ///< addresses of mailing lists, in lower case
  std::int64_t wall_us = 0;
  std::int64_t pid = 0;
  std::uint64_t random = 0;
  /// Asked at most once, and only where the above do not say: it may read the password file.
  std::function<Account()> account{};
};

/// What the instance's control files say.
struct HostDefaults {
  std::string default_host;
  std::string default_domain;
  std::string plus_domain;
  std::string id_host;
};

/// The value of a variable, as getenv(3); nullptr where it is not set.
using Environment = std::function<const char*(const char* name)>;

/// QMAILXYZ, else MAILXYZ: every variable of the first kind has a name of the second, for those
/// whose files never knew qmail. Set and empty counts as set.
const char* either(const Environment& environment, std::string_view name);

/// Everything the environment says, on top of `defaults`. Only time, pid, randomness, `lists` and
/// `account` are left to set. Failures (configuration): a host that cannot stand in an address, a
/// user with a control character, one that is too long; the text names the variable or control
/// file.
Outcome<Settings> make_settings(const Environment& environment, const HostDefaults& defaults);

}  // namespace porpoise::inject
