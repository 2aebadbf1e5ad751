// checkpassword(8): checks the name and password on descriptor 3 against users/passwd.

#include "pop3d/checkpassword.h"

#include <getopt.h>

#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: checkpassword [--instance DIR] [--beside] PROGRAM [ARGUMENT...]";

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"beside", no_argument, nullptr, 'b'},
                            {"instance", required_argument, nullptr, 'I'},
                            {nullptr, 0, nullptr, 0}};
  std::optional<std::string> instance;
  bool beside = false;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (c == 'b') {
      beside = true;
    } else if (c == 'I') {
      instance = optarg;
    } else {
      return permanent("{}", kUsage);
    }
  }
  if (beside) return pop3d::run_beside(instance, {argv + optind, argv + argc});
  return pop3d::run_checkpassword(instance, {argv + optind, argv + argc});
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("checkpassword", [&] { return run(argc, argv); });
}
