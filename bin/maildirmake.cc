// maildirmake(1): a new Maildir.

#include <sys/stat.h>

#include "maildir/make.h"
#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: maildirmake MAILDIR";

Result<int> run(int argc, char** argv) {
  posix::Options options(kUsage);
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  if ((*operands)->size() != 1 || (*operands)->front().empty()) return options.wrong();
  Result<> made = maildir::make((*operands)->front());
  if (!made) return failed(made);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  (void)::umask(077);
  return posix::run_program("maildirmake", [&] { return run(argc, argv); });
}
