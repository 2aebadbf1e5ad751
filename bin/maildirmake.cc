// maildirmake(1): a new Maildir.

#include <getopt.h>
#include <sys/stat.h>

#include "maildir/make.h"
#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: maildirmake MAILDIR";

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'}, {nullptr, 0, nullptr, 0}};
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c != 'h') return permanent("{}", kUsage);
    Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
    if (!shown) return failed(shown);
    return 0;
  }
  if (argc - optind != 1 || argv[optind][0] == '\0') return permanent("{}", kUsage);
  Result<> made = maildir::make(argv[optind]);
  if (!made) return failed(made);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  (void)::umask(077);
  return posix::run_program("maildirmake", [&] { return run(argc, argv); });
}
