// inject(1): completes the message on standard input and queues it.

#include <unistd.h>

#include "inject/options.h"
#include "posix/file.h"
#include "posix/program.h"

using namespace porpoise;

namespace {

Result<int> run(int argc, char** argv) {
  inject::Outcome<inject::InjectCommand> command = inject::parse_inject(argc, argv);
  if (!command) return tl::make_unexpected(command.error().error);
  if (command->help) {
    Result<> shown = posix::write_all(STDOUT_FILENO, inject::kInjectHelp, "standard output");
    if (!shown) return failed(shown);
    return 0;
  }
  inject::Outcome<> done = inject::run(command->request);
  if (!done) return tl::make_unexpected(done.error().error);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("inject", [&] { return run(argc, argv); });
}
