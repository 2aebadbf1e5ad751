// forward(1): sends the message on standard input on, from a dot-file program line.

#include "local/forward.h"

#include <stdlib.h>
#include <unistd.h>

#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: forward [--instance DIR] address ... (with NEWSENDER and DTLINE set)";

Result<int> run(int argc, char** argv) {
  std::optional<std::string> instance_path;
  posix::Options options(kUsage);
  options.value("instance", instance_path);
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  const std::vector<std::string>& recipients = **operands;
  if (recipients.empty()) return options.wrong();
  for (const std::string& address : recipients) {
    if (address.empty()) return permanent("an address is empty");
  }
  const char* sender = ::getenv("NEWSENDER");
  const char* delivered_to = ::getenv("DTLINE");
  if (sender == nullptr) return permanent("NEWSENDER is not set; {}", kUsage);
  if (delivered_to == nullptr) return permanent("DTLINE is not set; {}", kUsage);

  Result<Instance> instance = Instance::find(instance_path);
  if (!instance) return failed(instance);
  Result<std::string> id =
      local::forward(*instance, sender, recipients, delivered_to, STDIN_FILENO);
  if (!id) return failed(id);
  posix::complain("forward", fmt::format("qp {}", id->empty() ? "-" : *id));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("forward", [&] { return run(argc, argv); });
}
