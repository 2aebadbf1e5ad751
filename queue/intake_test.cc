#include "queue/intake.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>

#include "posix/process.h"
#include "queue/test_queue.h"

namespace {

// By how much each look at the clock that runs in suspend finds it later than the one before.
std::int64_t seconds_a_look = 0;
std::int64_t ahead_s = 0;

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* answer) noexcept {
  const long done = syscall(SYS_clock_gettime, clock, answer);
  if (clock == CLOCK_BOOTTIME) answer->tv_sec += (ahead_s += seconds_a_look);
  return static_cast<int>(done);
}

namespace porpoise::queue {
namespace {

// Takes in a message that has begun and does not go on, from one who keeps the pipe open.
[[noreturn]] void take_in_and_exit(const Instance& instance, std::int64_t seconds) {
  posix::Pipe message = posix::make_pipe().value();
  posix::Pipe envelope = posix::make_pipe().value();
  (void)::dup2(message.read.get(), 0);
  (void)::dup2(envelope.read.get(), 1);
  (void)posix::write_all(message.write.get(), "Subject: slow\n", "the message");
  seconds_a_look = seconds;
  const SubmitResult<> done = take_in(instance);
  const std::string text = done ? "queued" : done.error().error.text;
  (void)posix::write_all(2, text, "standard error");
  ::_exit(done ? 0 : done.error().code);
}

TEST(IntakeDeathTest, WhoStallsForADayIsA52AndLeavesNothing) {
  const TestQueue queue;
  EXPECT_EXIT(take_in_and_exit(queue.instance(), 50'000), ::testing::ExitedWithCode(52),
              "reading took too long");
  EXPECT_TRUE(queue.names("tmp").empty());
  EXPECT_TRUE(queue.names("incoming").empty());
}

}  // namespace
}  // namespace porpoise::queue
