#include "parts.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace porpoise::driver {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> found;
  found.reserve(texts.size() + 1);
  for (const std::string& text : texts) found.push_back(const_cast<char*>(text.c_str()));
  found.push_back(nullptr);
  return found;
}

}  // namespace

void give_up(const std::string& act) {
  const std::string text = act + ": " + strerror(errno) + "\n";
  (void)!write(STDERR_FILENO, text.data(), text.size());
  _exit(kTrouble);
}

int must(int result, const char* act) {
  if (result < 0) give_up(act);
  return result;
}

void become(const Command& command) {
  execve(command.program.c_str(), pointers(command.arguments).data(),
         pointers(command.environment).data());
  give_up(command.program);
}

int listening(const std::string& folder, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  if (chdir(folder.c_str()) != 0) return -1;
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0 || (unlink(name.c_str()) != 0 && errno != ENOENT)) return -1;
  const mode_t mask = umask(0);
  const bool bound = bind(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  umask(mask);
  return bound && listen(made, 16) == 0 && chdir("/") == 0 ? made : -1;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) give_up("waiting");
  }
  return status;
}

void end_as(int status) {
  if (WIFSIGNALED(status)) raise(WTERMSIG(status));
  _exit(WEXITSTATUS(status));
}

void end_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(kTrouble);
}

}  // namespace porpoise::driver
