// system-send  INSTANCE PROGRAMS [OPTION-OF-SEND...]
// system-run   INSTANCE PROGRAMS USER SENDER RECIPIENT...
// system-start INSTANCE PROGRAMS
// system-as    INSTANCE PROGRAMS USER COMMAND...
//
// As root, in a mount namespace with the password file of ../etc beside INSTANCE:
// system-send starts `send --once`, `spawn` and `queue --serve` as porpoise run starts them, and
// ends as send ends.
// system-run starts `porpoise run`, hands in the message on standard input as USER, and stops it
// when nothing moves any more. Says "taken" where the message was, and ends as sendmail does, or
// else as porpoise run does.
// system-start starts `porpoise run`, has all that waits tried again, and stops it when the queue
// is empty; exit code 1 where it does not get empty.
// system-as runs a command as USER.
//
// USER is a name in ../etc/passwd.

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "parts.h"
#include "running.h"
#include "system.h"

namespace {

using porpoise::driver::end_as;
using porpoise::driver::kNothing;
using porpoise::driver::must;
using porpoise::driver::Running;
using porpoise::driver::System;
using porpoise::driver::wait_for;
using Words = std::vector<std::string>;

constexpr int kTries = 200;  // of what waits
constexpr const char* kOwner = "porpoise";

// -- the parts by themselves

// As porpoise run says it, with its exit code for that.
int listening(const System& system, const char* name) {
  const int made = porpoise::driver::listening(system.instance + "/run", name);
  if (made >= 0) return made;
  const std::string text = std::string("listening: ") + strerror(errno) + "\n";
  (void)!write(STDERR_FILENO, text.data(), text.size());
  _exit(111);
}

[[noreturn]] void send_once(const System& system, const Words& options) {
  int pair[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
  const int submit = listening(system, "submit");
  const int control = listening(system, "control");
  const pid_t serving = system.start({"queue", "--serve", "3"}, {kNothing, 1, 2, submit}, kOwner);
  const pid_t spawn = system.start({"spawn"}, {kNothing, 1, 2, pair[1]});
  Words command{"send", "--once", "--spawner-fd", "3", "--control-fd", "4"};
  command.insert(command.end(), options.begin(), options.end());
  // Its log is where it says why it failed.
  const pid_t send = system.start(command, {kNothing, 2, 2, pair[0], control}, kOwner);
  for (const int one : {pair[0], pair[1], submit, control}) close(one);
  const int status = wait_for(send);
  const int spawned = wait_for(spawn);
  kill(serving, SIGTERM);
  const int served = wait_for(serving);
  if (status != 0) end_as(status);
  if (spawned != 0) end_as(spawned);
  end_as(served == SIGTERM ? 0 : served);  // it may not have begun
}

// -- porpoise run

[[noreturn]] void run(const System& system, const Words& user_sender_recipients) {
  Words command{"sendmail", "-i", "-f", user_sender_recipients.at(1), "--"};
  command.insert(command.end(), user_sender_recipients.begin() + 2, user_sender_recipients.end());
  Running running(system);
  running.until_there(system.instance + "/run/submit");
  const int status = wait_for(system.start(command, {0, 1, 2}, user_sender_recipients[0]));
  if (status != 0) end_as(status);
  (void)!write(STDOUT_FILENO, "taken\n", 6);
  running.until_quiet();
  end_as(running.stop());
}

bool is_queued(const System& system) {
  for (const char* name : {"/queue/incoming", "/queue/deferred"}) {
    std::error_code gone;  // what is moved while we look
    std::filesystem::recursive_directory_iterator at(system.instance + name, gone);
    for (; at != end(at); at.increment(gone)) {
      if (!at->is_directory(gone)) return true;
    }
  }
  return false;
}

[[noreturn]] void start_again(const System& system) {
  Running running(system);
  running.until_ready();
  for (int tries = 0; tries < kTries && is_queued(system) && !running.ended(); ++tries) {
    running.try_all();
    while (is_queued(system) && running.goes_on()) {
    }
  }
  const bool left = is_queued(system);
  const int status = running.stop();
  end_as(status != 0 ? status : left << 8);
}

[[noreturn]] void run_as(const System& system, const Words& user_command) {
  const std::string& user = user_command.at(0);
  const Words command(user_command.begin() + 1, user_command.end());
  end_as(wait_for(
      system.start(command, {0, 1, 2}, user == "root" ? std::nullopt : std::optional(user))));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return porpoise::driver::kTrouble;
  const std::string_view path = argv[0];
  const std::string_view act = path.substr(path.rfind('/') + 1);
  const System system{argv[1], argv[2]};
  const Words rest(argv + 3, argv + argc);
  system.own_names();
  if (act == "system-send") send_once(system, rest);
  if (act == "system-run" && rest.size() > 2) run(system, rest);
  if (act == "system-start") start_again(system);
  if (act == "system-as" && rest.size() > 1) run_as(system, rest);
  return porpoise::driver::kTrouble;
}
