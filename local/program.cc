#include "local/program.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "posix/error.h"
#include "posix/file.h"

namespace porpoise::local {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Woken = HeldSignals::Woken;

// Whether the child has ended; it stays to be reaped, and its process group's number with it.
bool has_ended(pid_t child) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

void end_group(pid_t child) {
  (void)::kill(-child, SIGTERM);
  const auto end = steady_clock::now() + kProgramGrace;
  while (!has_ended(child) && steady_clock::now() < end) {
    const timespec nap{0, 10'000'000};
    (void)::nanosleep(&nap, nullptr);
  }
  (void)::kill(-child, SIGKILL);
  (void)::waitpid(child, nullptr, 0);
}

Result<posix::Ended> wait_within(pid_t child, std::chrono::seconds limit, HeldSignals& signals) {
  const auto end = steady_clock::now() + limit;
  while (!has_ended(child)) {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    if (left <= 0ms) {
      end_group(child);
      return temporary("a program ran longer than {} seconds and was ended (#4.3.0)",
                       limit.count());
    }
    if (signals.wait(left) == Woken::end) {
      end_group(child);
      return temporary("the delivery was told to end (#4.3.0)");
    }
  }
  return posix::wait_for(child);
}

}  // namespace

Verdict verdict_of(const posix::Ended& ended) {
  if (ended.signal != 0) return Verdict::later;
  switch (ended.code) {
    case 0:
      return Verdict::done;
    case 99:
      return Verdict::stop;
    case 64:
    case 65:
    case 70:
    case 76:
    case 77:
    case 78:
    case 100:
    case 112:
      return Verdict::never;
    default:
      return Verdict::later;
  }
}

Result<posix::UniqueFd> open_again(int message) {
  if (::lseek(message, 0, SEEK_SET) != 0) {
    return temporary("rewinding the message: {} (#4.3.0)", posix::error_text(errno));
  }
  Result<posix::UniqueFd> again =
      posix::open_at(posix::kHere, fmt::format("/proc/self/fd/{}", message), O_RDONLY);
  // Another's file, or no /proc: the offset is shared with what earlier lines left running.
  if (!again) return posix::duplicate(message);
  return again;
}

Result<posix::Ended> run_program(const Program& program, HeldSignals& signals) {
  Result<posix::UniqueFd> input = open_again(program.message);
  if (!input) return failed(input);
  posix::Command command;
  command.path = "/bin/sh";
  command.arguments = {"/bin/sh", "-c", program.command};
  command.environment = program.environment;
  command.fds = {input->get(), 1, 2};
  command.new_session = true;
  command.dies_with_us = true;
  Result<pid_t> child = posix::start(command);
  if (!child) return temporary("{} (#4.3.0)", child.error().text);
  return wait_within(*child, program.limit, signals);
}

}  // namespace porpoise::local
