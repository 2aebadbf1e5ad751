// addr(1): the addresses of header fields as JSON.

#include <cerrno>
#include <unistd.h>

#include "addr/run.h"
#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: addr [--strict] [--raw] [--header NAME]...";

Result<int> run(int argc, char** argv) {
  addr::Options wanted;
  posix::Options options(kUsage);
  options.flag("strict", wanted.strict)
      .flag("raw", wanted.raw)
      .value("header", [&](const std::string& name) -> Result<> {
        wanted.fields.push_back(name);
        return {};
      });
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  if (!(*operands)->empty()) return options.wrong();
  Result<> done = addr::run(STDIN_FILENO, STDOUT_FILENO, wanted);
  // A reader that has seen enough, as in a pipeline with head(1), is no news.
  if (!done && done.error().sys == EPIPE) return 111;
  if (!done) return failed(done);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("addr", [&] { return run(argc, argv); });
}
