// queue(8): a message on descriptor 0, its envelope on descriptor 1, an exit code.

#include <climits>
#include <new>

#include "instance/instance.h"
#include "libmail/quantity.h"
#include "posix/options.h"
#include "posix/program.h"
#include "queue/door.h"
#include "queue/intake.h"

namespace {

using porpoise::queue::Code;

constexpr const char* kUsage =
    "usage: queue [--instance DIR] < MESSAGE 1< ENVELOPE, or queue [--instance DIR] --serve FD";

int end(Code code, std::string_view text) {
  porpoise::posix::complain("queue", text);
  return static_cast<int>(code);
}

int queue_one(const std::optional<std::string>& where) {
  porpoise::Result<porpoise::Instance> instance = porpoise::Instance::find(where);
  if (!instance) return end(Code::home, instance.error().text);
  porpoise::queue::SubmitResult<> done = porpoise::queue::take_in(*instance);
  if (!done) {
    porpoise::posix::complain("queue", done.error().error.text);
    return done.error().code;
  }
  porpoise::queue::start_send_if_nobody_listens(*instance);
  return 0;
}

// Runs as the queue's owner, started by porpoise run.
porpoise::Result<int> serve(const std::optional<std::string>& where, int listening) {
  porpoise::Result<porpoise::Instance> instance = porpoise::Instance::find(where);
  if (!instance) return failed(instance);
  if (porpoise::Result<> own = instance->require_owner(); !own) return failed(own);
  if (porpoise::Result<> done = porpoise::queue::serve(*instance, listening); !done) {
    return failed(done);
  }
  return 0;
}

struct Line {
  std::optional<std::string> instance;
  std::optional<int> listening;
  bool help = false;
};

porpoise::Result<Line> parse_line(int argc, char** argv) {
  Line line;
  porpoise::posix::Options options(kUsage);
  options.value("instance", line.instance)
      .value("serve", [&](const std::string& text) -> porpoise::Result<> {
        const auto fd = porpoise::mail::parse_digits(text, INT_MAX);
        if (!fd) return porpoise::permanent("--serve: \"{}\" is no descriptor", text);
        line.listening = static_cast<int>(*fd);
        return {};
      });
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  line.help = !*operands;
  if (!line.help && !(*operands)->empty()) return options.wrong();
  return line;
}

int take_in(const Line& line) {
  try {
    return queue_one(line.instance);
  } catch (const std::bad_alloc&) {
    return end(Code::memory, "out of memory");
  } catch (const std::exception& error) {
    return end(Code::bug, error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  porpoise::posix::begin_program();
  porpoise::Result<Line> line = parse_line(argc, argv);
  if (!line || line->help || line->listening) {
    return porpoise::posix::run_program("queue", [&]() -> porpoise::Result<int> {
      if (!line) return failed(line);
      if (line->help) return 0;
      return serve(line->instance, *line->listening);
    });
  }
  return take_in(*line);
}
