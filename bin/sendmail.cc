// sendmail(8): the interface that mail programs expect, on top of inject's library.

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <new>
#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "inject/sendmail_options.h"
#include "inject/verify.h"
#include "instance/instance.h"
#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"
#include "queue/submit.h"
#include "smtp/run.h"

using namespace porpoise;
using inject::Cause;
using inject::Outcome;
using inject::Request;

namespace {

Outcome<> show(std::string_view text) {
  Result<> shown = posix::write_all(STDOUT_FILENO, text, "standard output");
  return shown ? Outcome<>() : inject::failure(Cause::output, shown.error());
}

// -bp becomes qread, which answers in its own words.
Outcome<> list_queue(const Request& request) {
  const std::string program = posix::program_folder() + "/qread";
  std::string option = "--instance";
  std::string folder = request.instance.value_or("");
  std::string name = "qread";
  char* plain[] = {name.data(), nullptr};
  char* with_instance[] = {name.data(), option.data(), folder.data(), nullptr};
  ::execv(program.c_str(), request.instance ? with_instance : plain);
  return inject::failure(Cause::system, posix::system_error(errno, "starting " + program).value());
}

Outcome<> run_queue(const Request& request) {
  Result<Instance> instance = Instance::find(request.instance);
  if (!instance) return inject::failure(Cause::configuration, instance.error());
  Result<> own = instance->require_owner();
  if (!own) return inject::failure(Cause::permission, own.error());
  queue::start_send_if_nobody_listens(*instance);
  return {};
}

Outcome<> speak_smtp(const Request& request) {
  const Result<smtp::Ending> ending = smtp::serve_stdio({request.instance, request.start_send});
  if (!ending) {
    const bool later = ending.error().fate == Fate::temporary;
    return inject::failure(later ? Cause::later : Cause::configuration, ending.error());
  }
  switch (*ending) {
    case smtp::Ending::closed:
    case smtp::Ending::end_of_input:
      return {};
    case smtp::Ending::within_a_text:
      return inject::refuse(Cause::input, "-bs: the input ended in the middle of a message");
    case smtp::Ending::too_late:
      return inject::refuse(Cause::later, "-bs: the client took too long");
    case smtp::Ending::told:
      return inject::refuse(Cause::later, "-bs: ended by SIGTERM");
    case smtp::Ending::not_sent:
      return inject::refuse(Cause::output, "-bs: a reply could not be sent");
  }
  return {};
}

// cron calls sendmail without HOME, and there the caller's own instance is looked for.
void know_home() {
  const char* home = ::getenv("HOME");
  if (home != nullptr && home[0] != '\0') return;
  const passwd* entry = ::getpwuid(::getuid());
  if (entry != nullptr) (void)::setenv("HOME", entry->pw_dir, 1);
}

// What succeeds but says no has an exit code of its own.
Outcome<int> verify_addresses(const Request& request) {
  Outcome<inject::Verified> found = inject::verify(request);
  if (!found) return inject::failed(found);
  if (Outcome<> shown = show(found->text); !shown) return inject::failed(shown);
  return found->code;
}

Outcome<> act(const inject::SendmailCommand& command) {
  using Act = inject::SendmailCommand::Act;
  switch (command.act) {
    case Act::submit:
    case Act::verify:
      break;
    case Act::list_queue:
      return list_queue(command.request);
    case Act::speak_smtp:
      return speak_smtp(command.request);
    case Act::run_queue:
      return run_queue(command.request);
    case Act::aliases:
      return show("aliases are dot-files, read at each delivery: there is nothing to rebuild\n");
    case Act::help:
      return show(inject::kSendmailHelp);
  }
  return inject::run(command.request);
}

Outcome<int> run(int argc, char** argv, bool has_input) {
  know_home();
  Outcome<inject::SendmailCommand> command = inject::parse_sendmail(argc, argv);
  if (!command) return inject::failed(command);
  if (!has_input && command->act == inject::SendmailCommand::Act::submit) {
    return inject::refuse(Cause::no_input, "standard input is closed");
  }
  if (command->act == inject::SendmailCommand::Act::verify) {
    return verify_addresses(command->request);
  }
  Outcome<> done = act(*command);
  if (!done) return inject::failed(done);
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) {
  // What is closed is /dev/null from then on, which would be a message of nothing.
  const bool has_input = ::fcntl(STDIN_FILENO, F_GETFD) >= 0;
  posix::begin_program();
  try {
    Outcome<int> done = run(argc, argv, has_input);
    if (done) return *done;
    posix::complain("sendmail", done.error().error.text);
    return inject::sysexit(done.error());
  } catch (const std::bad_alloc&) {
    posix::complain("sendmail", "out of memory");
    return EX_OSERR;
  } catch (const std::exception& e) {
    posix::complain("sendmail", e.what());
    return EX_SOFTWARE;
  }
}
