// Whose instance `porpoise init` makes.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::front {

/// The password file, as far as it is asked. No entry is no error.
struct PasswordFile {
  using Answer = Result<std::optional<Owner>>;
  std::function<Answer(const std::string& name)> by_name;
  std::function<Answer(uid_t uid)> by_uid;

  static PasswordFile real();
};

/// Who asks, and for whom.
struct OwnerWish {
  std::optional<std::string> user;  ///< --owner: a name or a decimal uid
  std::optional<std::string> name;  ///< --name
  std::optional<std::string> home;  ///< --home, absolute
  uid_t caller_uid = 0;             ///< the effective ones
  gid_t caller_gid = 0;
  std::optional<std::string> caller_home;  ///< $HOME
};

/// The name is the one asked for, else the password file's, else the decimal uid, so that
/// `id -un` and the instance agree; the home is the one asked for, else the password file's, else,
/// for the caller, $HOME. A decimal uid without an entry has the gid of the same number, unless it
/// is the caller's.
///
/// Permanent errors, each saying what to give: root without --owner, uid 0 as owner, an ordinary
/// user asking for somebody else, an unknown name, a uid without an entry and without --home, a
/// name that cannot be one in an address, a home that is not absolute.
Result<Owner> find_owner(const OwnerWish& wish, const PasswordFile& passwords);

/// Becomes that user for good: groups, gid, uid. Only root has to.
Result<> become(const Owner& owner);

/// What control/me is to be: `host` in lower case, made a valid name; without a dot, the full name
/// that `hosts` (the text of /etc/hosts) has for it, else with ".localdomain".
std::string full_host_name(std::string_view host, std::string_view hosts);

/// A permanent error unless `host` can be the domain of an address: labels of letters, digits and
/// '-', at most 253 octets (RFC 1035 section 2.3.4).
Result<> check_host_name(std::string_view host);

}  // namespace porpoise::front
