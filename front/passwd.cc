#include "front/passwd.h"

#include "front/errors.h"
#include "front/secret.h"
#include "instance/instance.h"
#include "instance/resolver.h"
#include "pop3d/passwd.h"

namespace porpoise::front {

Result<int> passwd(const std::optional<std::string>& instance_option, const std::string& name) {
  Result<Instance> instance = Instance::find(instance_option);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_administrator(); !done) return failed(done);
  Result<Accounts> accounts = Accounts::load(*instance);
  if (!accounts) return in_instance(*instance, accounts.error());
  if (!accounts->login(name)) {
    return permanent("{}: no mailbox of that name in {} (the owner is {}; others: users/assign)",
                     name, instance->path(), instance->owner().name);
  }
  Result<std::string> secret = ask_secret(fmt::format("POP3 password for {}: ", name));
  if (!secret) return failed(secret);
  if (Result<> done = pop3d::set_password(*instance, name, *secret); !done) return failed(done);
  return 0;
}

}  // namespace porpoise::front
