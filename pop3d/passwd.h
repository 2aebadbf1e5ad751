// users/passwd of an instance: who may log in, with which password. porpoise-passwd(5).
//
//   NAME:HASH           HASH as crypt(3) makes it, in any of its methods
//   NAME:HASH:...       what follows a second colon is kept and not looked at
//
// Empty lines and lines that begin with '#' are kept. Names are compared without regard to ASCII
// case; the first line of a name counts. The file belongs to the instance's owner, mode 0600.

#pragma once

#include <string>
#include <string_view>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise::pop3d {

/// What fits into a PASS line of 255 octets.
inline constexpr std::size_t kMaxPasswordOctets = 248;

/// Sets or replaces the password of `name`: a yescrypt hash in its line, the file replaced whole
/// and durably. Two of these at once wait for each other. Permanent errors: we are not the owner,
/// the name is no local name that could log in (in a system instance the caller asks), or name or
/// password could not be typed in POP3.
Result<> set_password(const Instance& instance, std::string_view name, std::string_view password);

/// Whether `name` may log in with `password`. A name without a line costs as much time as one with
/// a yescrypt hash, so that nobody learns who exists. Errors: the file cannot be read or hashed.
Result<bool> verify_password(const Instance& instance, std::string_view name,
                             const std::string& password);

/// The same on the text of the file; a pure function, for tests.
std::string_view hash_in(std::string_view passwd, std::string_view name);  ///< "" if it has none
std::string with_hash(std::string_view passwd, std::string_view name, std::string_view hash);

/// What the password of a name without a line is compared with: nobody's, at the usual cost.
inline constexpr const char* kNobodysHash =
    "$y$j9T$0123456789abcdefghijk0$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// A new hash of `password`: yescrypt at its usual cost, with a salt from the kernel.
Result<std::string> new_hash(const std::string& password);
/// Whether `hash` is one of `password`. False for "" and what crypt(3) does not know.
bool matches(const std::string& password, const std::string& hash);

}  // namespace porpoise::pop3d
