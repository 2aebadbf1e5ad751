#include "front/try.h"

#include <algorithm>
#include <unistd.h>

#include "inject/run.h"
#include "instance/control.h"
#include "instance/instance.h"
#include "instance/remote.h"
#include "instance/resolver.h"
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

Result<int> run_local(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin() + 1, "--explain");
  posix::Command command;
  command.path = posix::program_folder() + "/local";
  command.arguments = std::move(arguments);
  command.environment = posix::own_environment();
  command.fds = {-1, 1, 1};
  Result<pid_t> child = posix::start(command);
  if (!child) return failed(child);
  Result<posix::Ended> ended = posix::wait_for(*child);
  if (!ended) return failed(ended);
  if (ended->signal != 0) return temporary("local: {}", ended->text());
  return ended->code;
}

Result<int> try_here(const Instance& instance, const Accounts& accounts, const Route& route) {
  if (Result<> done = say("route", fmt::format("local: {}", route.rule)); !done) {
    return failed(done);
  }
  const Account account = accounts.find(route.address.substr(0, route.address.rfind('@')));
  Result<> done = say("account", fmt::format("{}, uid {}, home {}: {}", account.user, account.uid,
                                             account.home, account.rule));
  if (!done) return failed(done);
  Result<std::optional<std::string>> text = Control(instance.folder()).text("defaultdelivery");
  if (!text) return answer(text.error());
  const bool set = *text && !(*text)->empty();
  Result<std::vector<std::string>> arguments =
      spawn::arguments_for({.slot = 0, .sender = kSender, .recipient = route.address}, accounts,
                           set ? **text : "./Maildir/\n", ::geteuid());
  if (!arguments) return answer(arguments.error());
  return run_local(std::move(*arguments));
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
