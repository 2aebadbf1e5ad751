// spawn(8): starts each local delivery as its recipient.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libmail/quantity.h"
#include "posix/file.h"
#include "posix/lock.h"
#include "posix/options.h"
#include "posix/program.h"
#include "spawn/spawner.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: spawn [--instance DIR] [--delivery-seconds N] [--remote-seconds N] "
    "[--lookup-seconds N] [--grace-seconds N] 3<>SOCKET_OF_SEND";
constexpr int kSocket = 3;
constexpr std::uint64_t kMaxSeconds = std::uint64_t{30} * 86400;

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

// What takes a number of seconds into `limit`.
posix::Options::Take seconds(std::chrono::seconds& limit) {
  return [&limit](const std::string& text) -> Result<> {
    const auto given = mail::parse_digits(text, kMaxSeconds);
    if (!given) return permanent("\"{}\" is no number of seconds", text);
    limit = std::chrono::seconds(*given);
    return {};
  };
}

Result<Line> parse_line(int argc, char** argv) {
  Line line;
  posix::Options options(kUsage);
  options.value("instance", line.instance)
      .value("delivery-seconds", seconds(line.limits.delivery))
      .value("remote-seconds", seconds(line.limits.remote))
      .value("lookup-seconds", seconds(line.limits.lookup))
      .value("grace-seconds", seconds(line.limits.grace));
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  line.help = !*operands;
  if (!line.help && !(*operands)->empty()) return options.wrong();
  return line;
}

Result<int> run(const Line& line) {
  if (line.help) return 0;
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
