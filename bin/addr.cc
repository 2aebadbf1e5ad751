// addr(1): the addresses of header fields as JSON.

#include <cerrno>
#include <getopt.h>
#include <unistd.h>

#include "addr/run.h"
#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: addr [--strict] [--raw] [--header NAME]...";

Result<int> run(int argc, char** argv) {
  const option long_options[] = {{"header", required_argument, nullptr, 'n'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {"raw", no_argument, nullptr, 'r'},
                                 {"strict", no_argument, nullptr, 's'},
                                 {nullptr, 0, nullptr, 0}};
  addr::Options options;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", long_options, nullptr)) != -1;) {
    switch (c) {
      case 'n':
        options.fields.emplace_back(optarg);
        break;
      case 'r':
        options.raw = true;
        break;
      case 's':
        options.strict = true;
        break;
      case 'h': {
        Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
        if (!shown) return failed(shown);
        return 0;
      }
      default:
        return permanent("{}", kUsage);
    }
  }
  if (optind != argc) return permanent("{}", kUsage);
  Result<> done = addr::run(STDIN_FILENO, STDOUT_FILENO, options);
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
