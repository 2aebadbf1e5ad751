// bounce(8): writes one notice about one message and queues it.

#include "send/bounce.h"

#include <optional>
#include <string>

#include "instance/instance.h"
#include "posix/options.h"
#include "posix/program.h"
#include "send/rights.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: bounce [--instance DIR] --id ID --about ID < MESSAGE 3< FAILURES";

/// An option that is a message id.
posix::Options::Take id_into(std::optional<queue::Id>& wanted) {
  return [&wanted](const std::string& text) -> Result<> {
    wanted = queue::Id::parse(text);
    if (!wanted) return permanent("\"{}\" is no message id", text);
    return {};
  };
}

Result<int> run(int argc, char** argv) {
  std::optional<std::string> instance_path;
  std::optional<queue::Id> id, about;
  posix::Options line(kUsage);
  line.value("instance", instance_path).value("id", id_into(id)).value("about", id_into(about));
  auto operands = line.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  if (!(*operands)->empty() || !id || !about) return line.wrong();
  Result<Instance> instance = Instance::find(instance_path);
  if (!instance) return failed(instance);
  if (Result<> owner = instance->require_owner(); !owner) return failed(owner);
  if (Result<> done = send::confine_bounce(*instance); !done) return failed(done);
  send::BounceOptions options;
  options.id = *id;
  options.about = *about;
  if (Result<> done = send::bounce(*instance, options); !done) return failed(done);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("bounce", [&] { return run(argc, argv); });
}
