// preline(1): runs a program with the lines that an mbox puts before a message.

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: preline [-fFrRdD] command [argument ...] (with UFLINE, RPLINE and DTLINE set)";

// Which lines are wanted; everything is on at first.
struct Lines {
  bool from = true;
  bool return_path = true;
  bool delivered_to = true;

  bool set(int letter) {
    switch (letter) {
      case 'f':
      case 'F':
        from = letter == 'F';
        return true;
      case 'r':
      case 'R':
        return_path = letter == 'R';
        return true;
      case 'd':
      case 'D':
        delivered_to = letter == 'D';
        return true;
      default:
        return false;
    }
  }
};

Result<std::string> text_before(const Lines& lines) {
  std::string text;
  for (const auto& [name, wanted] : {std::pair("UFLINE", lines.from),
                                     {"RPLINE", lines.return_path},
                                     {"DTLINE", lines.delivered_to}}) {
    const char* line = ::getenv(name);
    if (line == nullptr) return permanent("{} is not set; {}", name, kUsage);
    if (wanted) text += line;
  }
  return text;
}

// False: the program reads no more, which is its own affair.
Result<bool> write_to_program(int fd, std::string_view text) {
  Result<> done = posix::write_all(fd, text, "to the program");
  if (done) return true;
  if (done.error().sys == EPIPE) return false;
  return failed(done);
}

Result<> feed(int fd, std::string_view before) {
  Result<bool> more = write_to_program(fd, before);
  char room[65536];
  while (more && *more) {
    Result<std::size_t> n = posix::read_some(STDIN_FILENO, room, "standard input");
    if (!n) return temporary("{}", n.error().text);
    if (*n == 0) return {};
    more = write_to_program(fd, {room, *n});
  }
  if (!more) return temporary("{}", more.error().text);
  return {};
}

Result<int> run_with(const std::string& before, char** command_line) {
  Result<posix::Pipe> pipe = posix::make_pipe();
  if (!pipe) return failed(pipe);
  posix::Command command;
  command.path = command_line[0];
  command.search = true;
  for (char** word = command_line; *word != nullptr; ++word) command.arguments.emplace_back(*word);
  command.environment = posix::own_environment();
  command.fds = {pipe->read.get(), 1, 2};
  Result<pid_t> child = posix::start(command);
  if (!child) return failed(child);
  pipe->read.reset();

  Result<> fed = feed(pipe->write.get(), before);
  // The end of the pipe would tell the program that it has the whole message.
  if (!fed) (void)::kill(*child, SIGKILL);
  pipe->write.reset();
  Result<posix::Ended> ended = posix::wait_for(*child);
  if (!fed) return failed(fed);
  if (!ended) return failed(ended);
  if (ended->signal != 0) return temporary("{} was {}", command.path, ended->text());
  return ended->code;
}

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'}, {nullptr, 0, nullptr, 0}};
  Lines lines;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+fFrRdD", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (!lines.set(c)) return permanent("{}", kUsage);
  }
  if (optind == argc) return permanent("{}", kUsage);
  Result<std::string> before = text_before(lines);
  if (!before) return failed(before);
  return run_with(*before, argv + optind);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("preline", [&] { return run(argc, argv); });
}
