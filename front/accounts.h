// The accounts that the parts of a system instance run as.

#pragma once

#include <functional>
#include <string>

#include "front/owner.h"
#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::front {

/// Those of the password file: porpoise, porpoise-net and porpoise-alias. One that is missing is
/// made by `add`, and told; then it is looked up again. Permanent errors: an account has uid or gid
/// 0, or two have the same uid; it is still missing.
Result<Identities> find_or_add_accounts(const PasswordFile& passwords,
                                        const std::function<Result<>(const std::string& name)>& add,
                                        const std::function<void(const std::string&)>& report);

/// Makes one with useradd(8): a system account with a group of its name, without home, shell and
/// password. Errors: there is no useradd, or it failed.
Result<> add_account(const std::string& name);

}  // namespace porpoise::front
