#include "posix/fed_program.h"

#include <cerrno>
#include <signal.h>
#include <unistd.h>

#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"

namespace porpoise::posix {
namespace {

// False: the program reads no more.
Result<bool> write_to_program(int fd, std::string_view text) {
  Result<> done = write_all(fd, text, "to the program");
  if (done) return true;
  if (done.error().sys == EPIPE) return false;
  return failed(done);
}

Result<> feed(int fd, std::string_view before) {
  Result<bool> more = write_to_program(fd, before);
  char room[65536];
  while (more && *more) {
    Result<std::size_t> n = read_some(STDIN_FILENO, room, "standard input");
    if (!n) return temporary("{}", n.error().text);
    if (*n == 0) return {};
    more = write_to_program(fd, {room, *n});
  }
  if (!more) return temporary("{}", more.error().text);
  return {};
}

// All of it, whatever becomes of who began it; or what it has said tells why not.
Result<pid_t> start_feeding(Pipe& pipe, std::string_view before) {
  const pid_t pid = ::fork();
  if (pid < 0) return trouble(errno, "starting a process");
  if (pid > 0) return pid;
  pipe.read.reset();
  const Result<> fed = feed(pipe.write.get(), before);
  if (!fed) complain(program_invocation_short_name, fed.error().text);
  ::_exit(fed ? 0 : fed.error().exit_code());
}

Result<pid_t> start_program(const std::vector<std::string>& command_line, int input) {
  Command command;
  command.path = command_line.front();
  command.search = true;
  command.arguments = command_line;
  command.environment = own_environment();
  command.fds = {input, 1, 2};
  return start(command);
}

}  // namespace

// Two processes hold the pipe open, one that feeds and we: where either is killed, the program does
// not take the half for the whole. Without us it is fed to the end, and without the other one it is
// killed before the pipe ends.
Result<int> run_fed(const std::vector<std::string>& command_line, std::string_view before) {
  Result<Pipe> pipe = make_pipe();
  if (!pipe) return failed(pipe);
  Result<pid_t> feeder = start_feeding(*pipe, before);
  if (!feeder) return failed(feeder);
  Result<pid_t> child = start_program(command_line, pipe->read.get());
  pipe->read.reset();
  if (!child) (void)::kill(*feeder, SIGKILL);
  Result<Ended> fed = wait_for(*feeder);
  if (!child) return failed(child);
  if (!fed || !fed->ok()) (void)::kill(*child, SIGKILL);
  pipe->write.reset();
  Result<Ended> ended = wait_for(*child);
  if (!fed) return failed(fed);
  if (fed->signal != 0) return temporary("passing on the message was {}", fed->text());
  if (!fed->ok()) return fed->code;
  if (!ended) return failed(ended);
  if (ended->signal != 0) {
    return temporary("{} was {}", command_line.front(), ended->text());
  }
  return ended->code;
}

}  // namespace porpoise::posix
