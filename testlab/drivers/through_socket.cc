// through-socket VIEW PROGRAMS SENDER RECIPIENT...
//
// Hands the message on standard input to sendmail as a user who does not own the queue of the
// system instance VIEW, with `queue --serve` behind its run/submit. Ends as sendmail ends.

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "parts.h"

namespace {

using porpoise::driver::become;
using porpoise::driver::must;

constexpr int kServed = 9;  // the server's descriptor

std::vector<std::string> environment(const std::string& view) {
  std::vector<std::string> found{"PORPOISE=" + view};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("PORPOISE=")) found.emplace_back(*variable);
  }
  return found;
}

pid_t start_server(const std::string& view, const std::string& programs, int listening) {
  const pid_t driver = getpid();
  const pid_t server = must(fork(), "fork");
  if (server != 0) return server;
  porpoise::driver::end_with(driver);
  must(dup2(must(open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null"), STDIN_FILENO), "dup2");
  must(dup2(listening, kServed), "dup2");
  become({programs + "/queue",
          {"queue", "--instance", view, "--serve", std::to_string(kServed)},
          environment(view)});
}

void write_file(const char* path, const std::string& text) {
  const int file = must(open(path, O_WRONLY | O_CLOEXEC), path);
  if (write(file, text.data(), text.size()) != ssize_t(text.size()))
    porpoise::driver::give_up(path);
  close(file);
}

// In a user namespace we are somebody else, who may nothing.
void become_another_user() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  must(unshare(CLONE_NEWUSER), "unshare");
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", "4242 " + std::to_string(uid) + " 1");
  write_file("/proc/self/gid_map", "4242 " + std::to_string(gid) + " 1");
}

pid_t start_client(const std::string& view, const std::string& programs, char** sender_and_rest) {
  const pid_t client = must(fork(), "fork");
  if (client != 0) return client;
  become_another_user();
  std::vector<std::string> arguments{"sendmail", "-i", "-f", *sender_and_rest++, "--"};
  while (*sender_and_rest != nullptr) arguments.emplace_back(*sender_and_rest++);
  become({programs + "/sendmail", arguments, environment(view)});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fputs("usage: through-socket VIEW PROGRAMS SENDER RECIPIENT...\n", stderr);
    return porpoise::driver::kTrouble;
  }
  const std::string view = argv[1];
  const std::string programs = argv[2];
  const int listening = must(porpoise::driver::listening(view + "/run", "submit"), "run/submit");
  const pid_t server = start_server(view, programs, listening);
  close(listening);
  const int status = porpoise::driver::wait_for(start_client(view, programs, argv + 3));
  kill(server, SIGTERM);
  porpoise::driver::wait_for(server);
  porpoise::driver::end_as(status);
}
