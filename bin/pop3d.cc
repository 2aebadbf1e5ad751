// pop3d(8): a POP3 session about one Maildir, after login, on standard input and output.

#include <unistd.h>

#include "pop3d/serve.h"
#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage = "usage: pop3d [--idle SECONDS] MAILDIR";
constexpr int kLikeAFailedLogin = 1;

Result<int> run(int argc, char** argv) {
  pop3d::Limits limits;
  posix::Options options(kUsage);
  options.value("idle", [&](const std::string& text) -> Result<> {
    if (!pop3d::parse_idle(text, limits)) return options.wrong();
    return {};
  });
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  if ((*operands)->size() != 1 || (*operands)->front().empty()) return options.wrong();
  if (::geteuid() == 0) {
    posix::complain("pop3d", "refusing to serve mail as uid 0");
    return kLikeAFailedLogin;
  }
  pop3d::run_pop3d((*operands)->front(), 0, 1, limits, true);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("pop3d", [&] { return run(argc, argv); });
}
