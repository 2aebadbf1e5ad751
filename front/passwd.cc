#include "front/passwd.h"

#include "front/errors.h"
#include "front/owner.h"
#include "front/secret.h"
#include "instance/instance.h"
#include "instance/resolver.h"
#include "pop3d/passwd.h"

namespace porpoise::front {
namespace {

// Of the password file, and with mail that POP3 could show.
Result<bool> is_user(const Instance& instance, const std::string& name) {
  if (!instance.is_system()) return false;
  PasswordFile::Answer user = PasswordFile::real().by_name(name);
  if (!user) return failed(user);
  return *user && (*user)->uid != 0 && (*user)->gid != 0;
}

}  // namespace

Result<int> passwd(const std::optional<std::string>& instance_option, const std::string& name) {
  Result<Instance> instance = Instance::find(instance_option);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_administrator(); !done) return failed(done);
  Result<Accounts> accounts = Accounts::load(*instance);
  if (!accounts) return in_instance(*instance, accounts.error());
  Result<bool> user = is_user(*instance, name);
  if (!user) return failed(user);
  if (!accounts->login(name) && !*user) {
    if (instance->is_system()) {
      return permanent(
          "{}: no mailbox of that name: neither in the password file nor in {}/users/assign", name,
          instance->path());
    }
    return permanent("{}: no mailbox of that name in {} (the owner is {}; others: users/assign)",
                     name, instance->path(), instance->owner().name);
  }
  Result<std::string> secret = ask_secret(fmt::format("POP3 password for {}: ", name));
  if (!secret) return failed(secret);
  if (Result<> done = pop3d::set_password(*instance, name, *secret); !done) return failed(done);
  return 0;
}

}  // namespace porpoise::front
