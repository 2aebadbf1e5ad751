#include "front/try.h"

#include <algorithm>
#include <unistd.h>

#include "inject/run.h"
#include "instance/instance.h"
#include "instance/password_file.h"
#include "instance/remote.h"
#include "instance/resolver.h"
#include "instance/trusted.h"
#include "posix/become.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"
#include "spawn/plan.h"
#include "spawn/remote.h"

namespace porpoise::front {
namespace {

constexpr const char* kSender = "SENDER";  // stands for whoever it will be

Result<> say(std::string_view what, std::string_view text) {
  return posix::write_all(1, fmt::format("{}: {}\n", what, posix::printable(text)),
                          "standard output");
}

// Whatever keeps it from being delivered is the answer, not a failure of ours.
Result<int> answer(const Error& why) {
  if (Result<> done = say(why.fate == Fate::permanent ? "fails" : "waits", why.text); !done) {
    return failed(done);
  }
  return why.exit_code();
}

Result<int> try_elsewhere(const Instance& instance, const Route& route) {
  Result<> done = say("route", fmt::format("another host: {}", route.rule));
  if (!done) return failed(done);
  Result<std::optional<RemoteProgram>> program = RemoteProgram::load(instance);
  if (!program) return answer(program.error());
  if (!*program) {
    return answer(permanent("this instance has no control/remote to send it there").value());
  }
  Result<std::string> path = (*program)->path();
  if (!path) return answer(path.error());
  Result<std::vector<std::string>> arguments = spawn::remote_arguments(
      **program, {.slot = 0, .sender = kSender, .recipient = route.address, .elsewhere = true});
  if (!arguments) return answer(arguments.error());
  arguments->front() = *path;
  done = say("control/remote", fmt::format("{}", fmt::join(*arguments, " ")));
  if (!done) return failed(done);
  return 0;
}

Result<int> ended_of(Result<pid_t> child) {
  if (!child) return failed(child);
  Result<posix::Ended> ended = posix::wait_for(*child);
  if (!ended) return failed(ended);
  if (ended->signal != 0) return temporary("local: {}", ended->text());
  return ended->code;
}

// By root as the account's user, so that nothing of a user's is read as root; else as who we are.
Result<int> run_local(const Account& account, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1, "--explain");
  posix::Command command;
  command.path = posix::program_folder() + "/local";
  command.arguments = std::move(arguments);
  command.environment = posix::own_environment();
  command.fds = {-1, 1, 1};
  if (::geteuid() != 0) return ended_of(posix::start(command));
  return ended_of(posix::fork_into(command.fds, [&]() -> int {
    Result<> done = posix::become({account.uid, account.gid, account.groups});
    const Error why = done ? posix::execute(command) : done.error();
    (void)posix::write_all(1, why.text + "\n", "standard output");
    return 111;
  }));
}

// Whether the account's home is its own: asked as root would be told too much, as spawn asks.
Result<bool> has_home_of_its_own(const Account& account) {
  if (!account.needs_home || ::geteuid() != 0) return has_home(account);
  Result<int> code = ended_of(posix::fork_into({-1, 1, 2}, [&]() -> int {
    if (!posix::become({account.uid, account.gid, account.groups})) return 111;
    const Result<bool> home = has_home(account);
    return !home ? 111 : *home ? 0 : 1;
  }));
  if (!code) return failed(code);
  if (*code == 111) return temporary("home {} cannot be looked at (#4.3.0)", account.home);
  return *code == 0;
}

// As spawn finds it.
Result<Account> account_of(const Instance& instance, const Accounts& accounts,
                           const std::string& local_part) {
  if (const std::optional<Account> assigned = accounts.assigned(local_part)) return *assigned;
  if (!instance.is_system()) return accounts.find(local_part);
  Result<std::vector<Account>> users = password_accounts(instance, local_part);
  if (!users) return failed(users);
  for (const Account& user : *users) {
    Result<bool> home = has_home_of_its_own(user);
    if (!home) return failed(home);
    if (*home) return user;
  }
  return accounts.alias(local_part);
}

Result<int> try_here(const Instance& instance, const Accounts& accounts, const Route& route) {
  if (Result<> done = say("route", fmt::format("local: {}", route.rule)); !done) {
    return failed(done);
  }
  const spawn::StartDelivery start{.slot = 0, .sender = kSender, .recipient = route.address};
  const Result<std::string> local_part = spawn::local_part_of(start);
  if (!local_part) return answer(local_part.error());
  const Result<Account> account = account_of(instance, accounts, *local_part);
  if (!account) return answer(account.error());
  Result<> done = say("account", fmt::format("{}, uid {}, home {}: {}", account->user, account->uid,
                                             account->home, account->rule));
  if (!done) return failed(done);
  Result<std::optional<std::string>> text = trusted_text(instance, "control/defaultdelivery");
  if (!text) return answer(text.error());
  const bool set = *text && !(*text)->empty();
  Result<> allowed = spawn::require_deliverable(*account, instance, ::geteuid());
  if (!allowed) return answer(allowed.error());
  Result<int> code =
      run_local(*account, spawn::arguments_for(start, *account, set ? **text : "./Maildir/\n"));
  const uid_t us = ::geteuid();
  if (!code || !instance.is_system() || us == 0 || us == account->uid || *code == 0) return code;
  done = say("cannot tell",
             fmt::format("only root and {} see all of {}", account->user, account->home));
  if (!done) return failed(done);
  return code;
}

struct Tables {
  Router router;
  Accounts accounts;
};

Result<Tables> load(const Instance& instance) {
  Result<Router> router = Router::load(instance);
  if (!router) return failed(router);
  Result<Accounts> accounts = Accounts::load(instance);
  if (!accounts) return failed(accounts);
  return Tables{std::move(*router), std::move(*accounts)};
}

Result<int> try_one(const Instance& instance, const Tables& tables, const std::string& recipient) {
  if (Result<> done = say("address", recipient); !done) return failed(done);
  const Route route = tables.router.route(recipient);
  if (route.address != recipient) {
    if (Result<> done = say("routed as", route.address); !done) return failed(done);
  }
  return route.channel == Route::Channel::remote ? try_elsewhere(instance, route)
                                                 : try_here(instance, tables.accounts, route);
}

// As sendmail reads its arguments.
Result<std::vector<std::string>> recipients_of(const std::optional<std::string>& instance,
                                               const std::string& address) {
  inject::Request request;
  request.instance = instance;
  request.job.recipients = inject::Recipients::arguments;
  request.job.arguments = {address};
  request.job.arguments_are_lists = true;
  inject::Outcome<mail::Envelope> envelope = inject::envelope_of(request);
  if (!envelope) return tl::make_unexpected(envelope.error().error);
  std::vector<std::string> list;
  for (mail::Recipient& recipient : envelope->recipients) {
    list.push_back(std::move(recipient.address));
  }
  return list;
}

// What may be mended counts more than what never will be.
int worse(int a, int b) {
  return a == 111 || b == 111 ? 111 : std::max(a, b);
}

}  // namespace

Result<int> try_address(const std::optional<std::string>& instance_option,
                        const std::string& address) {
  Result<Instance> instance = Instance::find(instance_option);
  if (!instance) return failed(instance);
  if (Result<> done = instance->require_submitter(); !done) return failed(done);
  Result<std::vector<std::string>> recipients = recipients_of(instance->path(), address);
  if (!recipients) return failed(recipients);
  Result<Tables> tables = load(*instance);
  if (!tables) return failed(tables);
  int code = 0;
  for (const std::string& recipient : *recipients) {
    Result<int> one = try_one(*instance, *tables, recipient);
    if (!one) return one;
    code = worse(code, *one);
  }
  return code;
}

}  // namespace porpoise::front
