// maildir(1): one message from standard input into a Maildir.

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include "maildir/deliver.h"
#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: maildir [--print-name] MAILDIR";

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"print-name", no_argument, nullptr, 'p'},
                            {nullptr, 0, nullptr, 0}};
  bool print_name = false;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (c != 'p') return permanent("{}", kUsage);
    print_name = true;
  }
  if (argc - optind != 1 || argv[optind][0] == '\0') return permanent("{}", kUsage);

  const std::string path = argv[optind];
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
