#include "local/program.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "posix/file.h"

namespace porpoise::local {
namespace {

TEST(Verdict, FollowsTheTable) {
  const std::string never = "64 65 70 76 77 78 100 112 ";
  std::string found;
  for (int code = 0; code <= 255; ++code) {
    const Verdict verdict = verdict_of({.code = code});
    if (verdict == Verdict::never) found += fmt::format("{} ", code);
    EXPECT_EQ(verdict == Verdict::done, code == 0) << code;
    EXPECT_EQ(verdict == Verdict::stop, code == 99) << code;
  }
  EXPECT_EQ(found, never);
}

TEST(Verdict, ASignalMeansLater) {
  EXPECT_EQ(verdict_of({.code = 0, .signal = 9}), Verdict::later);
  EXPECT_EQ(verdict_of({.code = 100, .signal = 15}), Verdict::later);
}

class RunProgram : public testing::Test {
 protected:
  RunProgram() : message_(::memfd_create("message", MFD_CLOEXEC)) {
    EXPECT_TRUE(posix::write_at(message_.get(), "one\ntwo\n", 0, "message"));
  }

  Result<posix::Ended> run(const std::string& command, std::chrono::seconds limit) {
    return run_program({.command = command,
                        .environment = {"PATH=/usr/bin:/bin", "WORD=there"},
                        .message = message_.get(),
                        .limit = limit},
                       signals_);
  }
  // "exit code N"; what the command tests is in its exit code.
  std::string how(const std::string& command) {
    Result<posix::Ended> ended = run(command, std::chrono::seconds(60));
    return ended ? ended->text() : ended.error().text;
  }

  posix::UniqueFd message_;
  HeldSignals signals_;
};

TEST_F(RunProgram, TellsHowItEnded) {
  EXPECT_EQ(how("exit 0"), "exit code 0");
  EXPECT_EQ(how("exit 99"), "exit code 99");
  EXPECT_EQ(how("kill -9 $$"), "killed by signal 9");
  EXPECT_EQ(how("no-such-program-here 2>/dev/null"), "exit code 127");
}

TEST_F(RunProgram, EachReadsTheWholeMessage) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(how("read a; read b; test \"$a $b\" = 'one two'"), "exit code 0");
  }
}

TEST_F(RunProgram, TheMessageCannotBeWrittenTo) {
  EXPECT_EQ(how("{ echo x >&0; } 2>/dev/null || exit 7"), "exit code 7");
}

TEST_F(RunProgram, OurOffsetDoesNotMatter) {
  ASSERT_EQ(::lseek(message_.get(), 4, SEEK_SET), 4);
  EXPECT_EQ(how("read a; test \"$a\" = one"), "exit code 0");
}

TEST_F(RunProgram, HasItsEnvironmentOnly) {
  EXPECT_EQ(how("test \"$WORD\" = there && test -z \"$HOME\""), "exit code 0");
}

TEST_F(RunProgram, HasThreeDescriptorsOnly) {
  // ls itself opens one to read the folder.
  EXPECT_EQ(how("test \"$(ls /proc/self/fd | tr '\\n' ' ')\" = '0 1 2 3 '"), "exit code 0");
}

TEST_F(RunProgram, HasASessionOfItsOwn) {
  EXPECT_EQ(how("set -- $(cat /proc/$$/stat); test $5 = $$ && test $6 = $$"), "exit code 0");
}

TEST_F(RunProgram, WhatItLeavesInTheBackgroundHoldsNothing) {
  EXPECT_EQ(how("sleep 50 >/dev/null 2>&1 & exit 3"), "exit code 3");
}

TEST_F(RunProgram, OneThatRunsTooLongIsEndedWithItsGroup) {
  Result<posix::Ended> ended = run("sleep 1000 & wait", std::chrono::seconds(0));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().text, "a program ran longer than 0 seconds and was ended (#4.3.0)");
  EXPECT_EQ(ended.error().fate, Fate::temporary);
}

TEST_F(RunProgram, ATermEndsItToo) {
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  EXPECT_EQ(how("sleep 1000"), "the delivery was told to end (#4.3.0)");
}

TEST_F(RunProgram, APipeIsNoMessage) {
  posix::Pipe pipe = *posix::make_pipe();
  message_ = std::move(pipe.read);
  EXPECT_EQ(how("true"), "rewinding the message: Illegal seek (#4.3.0)");
}

}  // namespace
}  // namespace porpoise::local
