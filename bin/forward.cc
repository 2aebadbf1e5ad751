// forward(1): sends the message on standard input on, from a dot-file program line.

#include "local/forward.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: forward [--instance DIR] address ... (with NEWSENDER and DTLINE set)";

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"instance", required_argument, nullptr, 'i'},
                            {nullptr, 0, nullptr, 0}};
  std::optional<std::string> instance_path;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (c != 'i') return permanent("{}", kUsage);
    instance_path = optarg;
  }
  const std::vector<std::string> recipients(argv + optind, argv + argc);
  if (recipients.empty()) return permanent("{}", kUsage);
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
