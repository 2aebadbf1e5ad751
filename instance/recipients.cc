#include "instance/recipients.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "instance/password_file.h"
#include "libmail/dot_file.h"
#include "posix/file.h"

namespace porpoise {
namespace {

using Answer = Finding::Answer;

// As local looks for it: the first name that is there decides.
Answer look_for_dot_file(const Account& account) {
  Result<posix::UniqueFd> home = posix::open_at(posix::kHere, account.home, O_PATH | O_DIRECTORY);
  if (!home) return Answer::unknown;
  for (const mail::DotName& name : mail::dot_file_names(account.dash, account.ext)) {
    struct stat st;
    if (::fstatat(home->get(), name.name.c_str(), &st, 0) == 0) {
      if (S_ISREG(st.st_mode)) return Answer::yes;
    } else if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
      return Answer::unknown;
    }
  }
  return Answer::no;
}

}  // namespace

Result<Recipients> Recipients::load(const Instance& instance) {
  Result<Router> router = Router::load(instance);
  if (!router) return failed(router);
  Result<Accounts> accounts = Accounts::load(instance);
  if (!accounts) return failed(accounts);
  Result<std::optional<std::string>> remote = Control(instance.folder()).line("remote");
  if (!remote) return failed(remote);
  return Recipients(instance, std::move(*router), std::move(*accounts), remote->has_value());
}

Finding Recipients::check(std::string_view address) const {
  const Route route = router_.route(address);
  if (route.channel == Route::Channel::remote) {
    return {remote_ ? Answer::yes : Answer::elsewhere, false, route.rule};
  }
  const std::string_view routed = route.address;
  return check_local(routed.substr(0, routed.rfind('@')));
}

Finding Recipients::check_local(std::string_view local_part) const {
  const auto finding = [](const Account& account) {
    // Without an extension there is a default delivery.
    const Answer answer = account.dash.empty() ? Answer::yes : look_for_dot_file(account);
    return Finding{answer, true, account.rule};
  };
  const std::optional<Account> assigned = accounts_.assigned(local_part);
  if (assigned) return finding(*assigned);
  if (!instance_->is_system()) return finding(accounts_.find(local_part));

  const Result<std::vector<Account>> users = password_accounts(*instance_, local_part);
  if (!users) return {Answer::unknown, true, "the password file"};
  for (const Account& user : *users) {
    const Result<bool> home = has_home(user);
    if (!home) return {Answer::unknown, true, user.rule};
    if (*home) return finding(user);
  }
  return finding(accounts_.alias(local_part));
}

}  // namespace porpoise
