// pop3d(8): a POP3 session about one Maildir, after login, on standard input and output.

#include <getopt.h>
#include <unistd.h>

#include "pop3d/serve.h"
#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: pop3d [--idle SECONDS] MAILDIR";
constexpr int kLikeAFailedLogin = 1;

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"idle", required_argument, nullptr, 'i'},
                            {nullptr, 0, nullptr, 0}};
  pop3d::Limits limits;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (c != 'i' || !pop3d::parse_idle(optarg, limits)) return permanent("{}", kUsage);
  }
  if (argc - optind != 1 || argv[optind][0] == '\0') return permanent("{}", kUsage);
  if (::geteuid() == 0) {
    posix::complain("pop3d", "refusing to serve mail as uid 0");
    return kLikeAFailedLogin;
  }
  pop3d::run_pop3d(argv[optind], 0, 1, limits);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("pop3d", [&] { return run(argc, argv); });
}
