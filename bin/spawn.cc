// spawn(8): starts each local delivery as its recipient.

#include <getopt.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libmail/quantity.h"
#include "posix/file.h"
#include "posix/lock.h"
#include "posix/program.h"
#include "spawn/spawner.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: spawn [--instance DIR] [--delivery-seconds N] [--remote-seconds N] "
    "[--lookup-seconds N] [--grace-seconds N] 3<>SOCKET_OF_SEND";
constexpr int kSocket = 3;
constexpr std::uint64_t kMaxSeconds = 30 * 86400;

bool is_our_socket() {
  int type = 0;
  socklen_t length = sizeof type;
  return ::getsockopt(kSocket, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

// Waits until an earlier spawn has finished its deliveries. Not open: send is gone meanwhile.
Result<posix::UniqueFd> take_lock(const Instance& instance) {
  Result<posix::UniqueFd> run = instance.open_folder("run");
  if (!run) return run;
  Result<posix::UniqueFd> lock = posix::open_at(run->get(), "spawner.lock", O_RDWR | O_CREAT, 0600);
  if (!lock) return lock;
  for (;;) {
    Result<bool> got = posix::try_lock(lock->get(), "run/spawner.lock");
    if (!got) return failed(got);
    if (*got) return lock;
    pollfd end{kSocket, 0, 0};
    if (::poll(&end, 1, 50) > 0) return posix::UniqueFd();
  }
}

struct Line {
  std::optional<std::string> instance;
  spawn::Limits limits;
  bool help = false;
};

// The limit that an option is about.
std::chrono::seconds* limit_of(int option, spawn::Limits& limits) {
  switch (option) {
    case 'd':
      return &limits.delivery;
    case 'r':
      return &limits.remote;
    case 'l':
      return &limits.lookup;
    case 'g':
      return &limits.grace;
    default:
      return nullptr;
  }
}

Result<Line> parse_line(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"instance", required_argument, nullptr, 'i'},
                            {"delivery-seconds", required_argument, nullptr, 'd'},
                            {"remote-seconds", required_argument, nullptr, 'r'},
                            {"lookup-seconds", required_argument, nullptr, 'l'},
                            {"grace-seconds", required_argument, nullptr, 'g'},
                            {nullptr, 0, nullptr, 0}};
  Line line;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      line.help = true;
      return line;
    }
    if (c == 'i') {
      line.instance = optarg;
    } else if (std::chrono::seconds* limit = limit_of(c, line.limits)) {
      const std::string_view text = optarg;
      const auto seconds = mail::parse_digits(text, kMaxSeconds);
      if (!seconds) return permanent("\"{}\" is no number of seconds", text);
      *limit = std::chrono::seconds(*seconds);
    } else {
      return permanent("{}", kUsage);
    }
  }
  if (argc != optind) return permanent("{}", kUsage);
  return line;
}

Result<int> run(const Line& line) {
  if (line.help) {
    Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
    if (!shown) return failed(shown);
    return 0;
  }
  if (!is_our_socket()) return permanent("descriptor 3 is not the socket of send");
  Result<Instance> instance = Instance::find(line.instance);
  if (!instance) return failed(instance);
  if (Result<> owner = instance->require_administrator(); !owner) return failed(owner);
  Result<posix::UniqueFd> lock = take_lock(*instance);
  if (!lock) return failed(lock);
  if (!lock->open()) return 0;
  spawn::Spawner spawner(*instance, kSocket, std::move(*lock), line.limits);
  if (Result<> done = spawner.serve(); !done) return failed(done);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("spawn", [&]() -> Result<int> {
    Result<Line> line = parse_line(argc, argv);
    if (!line) return failed(line);
    return run(*line);
  });
}
