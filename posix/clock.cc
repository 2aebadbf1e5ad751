#include "posix/clock.h"

#include <cerrno>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

namespace porpoise::posix {
namespace {

std::int64_t read_us(clockid_t clock) {
  timespec now{};
  (void)::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::int64_t wall_us() {
  return read_us(CLOCK_REALTIME);
}
std::int64_t running_us() {
  return read_us(CLOCK_BOOTTIME);
}

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  while (::getrandom(&bits, sizeof bits, 0) != sizeof bits) {
    if (errno != EINTR) {  // a kernel without getrandom: not one we run on, but never a constant
      bits = static_cast<std::uint64_t>(wall_us()) * 0x9e3779b97f4a7c15u ^
             static_cast<std::uint64_t>(::getpid());
      break;
    }
  }
  return bits;
}

std::string host_name() {
  char name[256];
  if (::gethostname(name, sizeof name) != 0) return "localhost";
  name[sizeof name - 1] = '\0';
  return name[0] == '\0' ? "localhost" : name;
}

}  // namespace porpoise::posix
