// checkpassword(8): checks the name and password on descriptor 3 against users/passwd.

#include "pop3d/checkpassword.h"

#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: checkpassword [--instance DIR] [--beside] PROGRAM [ARGUMENT...]";

Result<int> run(int argc, char** argv) {
  std::optional<std::string> instance;
  bool beside = false;
  posix::Options options(kUsage);
  options.flag("beside", beside).value("instance", instance);
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  if (beside) return pop3d::run_beside(instance, **operands);
  return pop3d::run_checkpassword(instance, **operands);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("checkpassword", [&] { return run(argc, argv); });
}
