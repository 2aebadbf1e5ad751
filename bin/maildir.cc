// maildir(1): one message from standard input into a Maildir.

#include <signal.h>
#include <unistd.h>

#include "maildir/deliver.h"
#include "posix/file.h"
#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: maildir [--print-name] MAILDIR";

Result<int> run(int argc, char** argv) {
  bool print_name = false;
  posix::Options options(kUsage);
  options.flag("print-name", print_name);
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  if ((*operands)->size() != 1 || (*operands)->front().empty()) return options.wrong();

  const std::string path = (*operands)->front();
  Result<std::string> name = maildir::deliver(path, "", STDIN_FILENO, maildir::real_world());
  if (!name) return failed(name);
  // Delivered: what standard output does with the name cannot change that.
  if (print_name) {
    (void)posix::write_all(1, fmt::format("{}/new/{}\n", path, *name), "standard output");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("maildir", [&] { return run(argc, argv); });
}
