// The password file, asked through libc's NSS, so that directories count too. Only for programs
// that link libc dynamically. It may load modules, block for minutes and crash: whoever is root
// asks it in a child without privilege (spawn/lookup.h).

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "instance/resolver.h"
#include "libmail/result.h"

namespace porpoise {

inline constexpr std::size_t kMaxUserName = 31;  ///< octets; longer ones are not asked for
inline constexpr std::size_t kMaxGroups = 1024;  ///< of one user; more are left out

struct PasswordEntry {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::vector<gid_t> groups{};  ///< beside `gid`

  bool operator==(const PasswordEntry&) const = default;
};

/// The names that may be those of its user, in lower case, longest first: the local part, then it
/// shortened at each "-" (reference 6.4). Nothing that no user can be called. Pure.
std::vector<std::string> user_names(std::string_view local_part);

/// Nothing: there is no such user. A temporary error: nobody could say, which is not the same.
Result<std::optional<PasswordEntry>> password_entry(const std::string& name);

/// The accounts that a local part may mean, in the order they are to be tried; alias/ comes after
/// them. Without those that get no mail: root, whoever has root's group, and the instance's queue
/// and network identities.
Result<std::vector<Account>> password_accounts(const Instance& instance,
                                               std::string_view local_part);

/// One of them. Nothing: it gets no mail, or its name is none for this local part. Pure: spawn
/// believes no more of an answer than this.
std::optional<Account> password_account(const Identities& identities, PasswordEntry entry,
                                        std::string_view local_part);

/// Whether its home is there and its own; where that is not needed, true. Call it as the account's
/// user or as somebody who may be told "permission denied". Temporary error: nobody could say.
Result<bool> has_home(const Account& account);

}  // namespace porpoise
