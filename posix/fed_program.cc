#include "posix/fed_program.h"

#include <cerrno>
#include <signal.h>
#include <unistd.h>

#include "posix/file.h"
#include "posix/process.h"

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

}  // namespace

Result<int> run_fed(const std::vector<std::string>& command_line, std::string_view before) {
  Result<Pipe> pipe = make_pipe();
  if (!pipe) return failed(pipe);
  Command command;
  command.path = command_line.front();
  command.search = true;
  command.arguments = command_line;
  command.environment = own_environment();
  command.fds = {pipe->read.get(), 1, 2};
  Result<pid_t> child = start(command);
  if (!child) return failed(child);
  pipe->read.reset();

  Result<> fed = feed(pipe->write.get(), before);
  // The end of the pipe would tell the program that it has the whole message.
  if (!fed) (void)::kill(*child, SIGKILL);
  pipe->write.reset();
  Result<Ended> ended = wait_for(*child);
  if (!fed) return failed(fed);
  if (!ended) return failed(ended);
  if (ended->signal != 0) return temporary("{} was {}", command.path, ended->text());
  return ended->code;
}

}  // namespace porpoise::posix
