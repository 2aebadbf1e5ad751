// bounce(8): writes one notice about one message and queues it.

#include "send/bounce.h"

#include <getopt.h>
#include <optional>
#include <string>

#include "instance/instance.h"
#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: bounce [--instance DIR] --id ID --about ID < MESSAGE 3< FAILURES";

struct Line {
  std::optional<std::string> instance;
  std::optional<queue::Id> id;
  std::optional<queue::Id> about;
  bool help = false;
};

Result<queue::Id> parse_id(const char* text) {
  const auto id = queue::Id::parse(text);
  if (!id) return permanent("\"{}\" is no message id", text);
  return *id;
}

Result<Line> parse_line(int argc, char** argv) {
  const option known[] = {{"help", no_argument, nullptr, 'h'},
                          {"instance", required_argument, nullptr, 'i'},
                          {"id", required_argument, nullptr, 'n'},
                          {"about", required_argument, nullptr, 'a'},
                          {nullptr, 0, nullptr, 0}};
  Line line;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", known, nullptr)) != -1;) {
    if (c == 'h') {
      line.help = true;
    } else if (c == 'i') {
      line.instance = optarg;
    } else if (c == 'n' || c == 'a') {
      Result<queue::Id> id = parse_id(optarg);
      if (!id) return failed(id);
      (c == 'n' ? line.id : line.about) = *id;
    } else {
      return permanent("{}", kUsage);
    }
  }
  if (optind < argc || (!line.help && (!line.id || !line.about))) return permanent("{}", kUsage);
  return line;
}

Result<int> run(const Line& line) {
  if (line.help) {
    Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
    if (!shown) return failed(shown);
    return 0;
  }
  Result<Instance> instance = Instance::find(line.instance);
  if (!instance) return failed(instance);
  if (Result<> owner = instance->require_owner(); !owner) return failed(owner);
  send::BounceOptions options;
  options.id = *line.id;
  options.about = *line.about;
  if (Result<> done = send::bounce(*instance, options); !done) return failed(done);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("bounce", [&]() -> Result<int> {
    Result<Line> line = parse_line(argc, argv);
    if (!line) return failed(line);
    return run(*line);
  });
}
