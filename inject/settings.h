// What inject knows besides the message and the command line: who calls, and which hosts complete
// an address (reference 2.2 and section 12).

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "inject/failure.h"
#include "libmail/qualify.h"

namespace porpoise::inject {

/// The caller, where the environment does not say: of the password file, else of the instance.
struct Account {
  std::string user;  ///< never empty: "anonymous" where nobody knows
  std::string name;  ///< may be empty
};

/// A full name out of a password entry's comment field: what stands before the first comma, "&"
/// replaced by the login name with a capital.
std::string gecos_name(std::string_view gecos, std::string_view user);

/// The letters of QMAILINJECT.
struct Letters {
  bool comment_from = false;        ///< c: `u@h (Name)` instead of `Name <u@h>`
  bool ignore_return_path = false;  ///< s: it is deleted anyway
  bool delete_from = false;         ///< f
  bool delete_message_id = false;   ///< i
  bool recipient_verp = false;      ///< r: the sender differs for each recipient
  bool message_verp = false;        ///< m: the sender differs for each message
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

/// Everything the environment says, on top of `defaults`. Only time, pid, randomness and `account`
/// are left to set. Failures (configuration): a host that cannot stand in an address, a user with
/// a control character; the text names the variable or control file.
Outcome<Settings> make_settings(const Environment& environment, const HostDefaults& defaults);

}  // namespace porpoise::inject
