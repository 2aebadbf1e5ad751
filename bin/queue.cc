// queue(8): a message on descriptor 0, its envelope on descriptor 1, an exit code.

#include <charconv>
#include <getopt.h>
#include <new>

#include "instance/instance.h"
#include "posix/file.h"
#include "posix/program.h"
#include "queue/door.h"
#include "queue/intake.h"

namespace {

using porpoise::queue::Code;
using porpoise::queue::SubmitError;

constexpr const char* kHelp =
    "usage: queue [--instance DIR] < MESSAGE 1< ENVELOPE\n"
    "       queue [--instance DIR] --serve FD\n"
    "Queues the message on descriptor 0 for the envelope read from descriptor 1:\n"
    "F sender NUL, T recipient NUL for each, NUL. See queue(8) for the exit codes.\n"
    "--serve takes what others hand in, from the listening socket that descriptor FD is.\n";

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

std::optional<int> descriptor(std::string_view text) {
  int fd = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || end != text.data() + text.size() || fd < 0) return std::nullopt;
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  porpoise::posix::begin_program();
  const option options[] = {{"instance", required_argument, nullptr, 'i'},
                            {"serve", required_argument, nullptr, 's'},
                            {"help", no_argument, nullptr, 'h'},
                            {nullptr, 0, nullptr, 0}};
  std::optional<std::string> where;
  std::optional<int> listening;
  ::opterr = 0;
  for (int letter; (letter = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (letter == 'h') {
      return porpoise::posix::write_all(1, kHelp, "standard output") ? 0 : 111;
    }
    if (letter == 's') listening = descriptor(optarg);
    if (letter == 's' && listening) continue;
    if (letter != 'i') {
      porpoise::posix::complain("queue", "unknown option or missing argument; try queue --help");
      return 100;
    }
    where = optarg;
  }
  if (optind < argc) {
    porpoise::posix::complain("queue", "takes no operands");
    return 100;
  }
  if (listening) {
    return porpoise::posix::run_program("queue", [&] { return serve(where, *listening); });
  }
  try {
    return queue_one(where);
  } catch (const std::bad_alloc&) {
    return end(Code::memory, "out of memory");
  } catch (const std::exception& error) {
    return end(Code::bug, error.what());
  }
}
