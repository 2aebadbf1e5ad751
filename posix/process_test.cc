#include "posix/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "posix/file.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

// What `script` writes to its descriptor 1, run by a shell in the manner of `command`.
std::string output_of(const std::string& script, Command command = {}) {
  Pipe out = make_pipe().value();
  command.path = "/bin/sh";
  command.arguments = {"sh", "-c", script};
  command.fds.resize(std::max<std::size_t>(command.fds.size(), 3), -1);
  command.fds[1] = out.write.get();
  Result<pid_t> child = start(command);
  if (!child) return "error: " + child.error().text;
  out.write.reset();
  std::string text = read_to_end(out.read.get(), 1 << 20, "its output").value();
  EXPECT_TRUE(wait_for(*child)->ok());
  return text;
}

TEST(Process, AMissingProgramIsToldByStart) {
  Command command;
  command.path = "/no/such/program";
  command.arguments = {"program"};
  Result<pid_t> child = start(command);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().text, "starting /no/such/program: No such file or directory");
  EXPECT_EQ(child.error().fate, Fate::permanent);
  command.path = "/";
  EXPECT_EQ(start(command).error().sys, EACCES);
}

TEST(Process, AMissingFolderIsToldByStart) {
  Command command;
  command.path = "/bin/true";
  command.arguments = {"true"};
  command.folder = "/no/such";
  EXPECT_EQ(start(command).error().sys, ENOENT);
}

TEST(Process, TheEnvironmentIsExactlyTheOneGiven) {
  Command command;
  command.environment = {"ONE=1", "TWO=two words"};
  const std::string text =
      output_of("/usr/bin/env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | sort", command);
  EXPECT_EQ(text, "ONE=1\nTWO=two words\n");
}

TEST(Process, ExactlyTheDescriptorsGivenAreOpen) {
  TestFolder folder;
  const UniqueFd stray(::open(folder.path().c_str(), O_RDONLY));  // not close-on-exec
  Command command;
  command.fds = {-1, -1, -1, folder.fd()};
  EXPECT_EQ(
      output_of("cd /proc/self/fd; for i in [0-9] [0-9][0-9]; do test -e $i && echo $i; done; :",
                command),
      "0\n1\n2\n3\n");
}

TEST(Process, DescriptorsMayNameEachOthersPlaces) {
  Pipe a = make_pipe().value();
  Pipe b = make_pipe().value();
  // Ask for a's end at the number that b's has, and the other way round.
  const int high = std::max(a.write.get(), b.write.get());
  Command command;
  command.path = "/bin/sh";
  command.fds.assign(high + 1, -1);
  command.fds[a.write.get()] = b.write.get();
  command.fds[b.write.get()] = a.write.get();
  command.arguments = {"sh", "-c",
                       fmt::format("echo in b >/proc/self/fd/{}; echo in a >/proc/self/fd/{}",
                                   a.write.get(), b.write.get())};
  const pid_t child = start(command).value();
  a.write.reset();
  b.write.reset();
  EXPECT_EQ(read_to_end(a.read.get(), 100, "a").value(), "in a\n");
  EXPECT_EQ(read_to_end(b.read.get(), 100, "b").value(), "in b\n");
  EXPECT_TRUE(wait_for(child)->ok());
}

TEST(Process, SignalsAreAsAProgramExpectsThem) {
  (void)::signal(SIGPIPE, SIG_IGN);
  sigset_t usr1, before;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr1, &before);
  const std::string text = output_of("grep -E '^Sig(Ign|Blk)' /proc/self/status");
  sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, ASessionOfItsOwn) {
  Command command;
  command.new_session = true;
  EXPECT_EQ(output_of("test $(cut -d' ' -f6 /proc/$$/stat) = $$ && echo yes", command), "yes\n");
  command.new_session = false;
  EXPECT_EQ(output_of("test $(cut -d' ' -f6 /proc/$$/stat) = $$ || echo no", command), "no\n");
}

TEST(Process, TheFolderIsTheOneGiven) {
  TestFolder folder;
  Command command;
  command.folder = folder.path();
  EXPECT_EQ(output_of("/bin/pwd -P", command),
            std::filesystem::canonical(folder.path()).string() + "\n");
}

TEST(Process, PathIsSearchedOnlyWhereAsked) {
  Command command;
  command.path = "true";
  command.arguments = {"true"};
  EXPECT_EQ(start(command).error().sys, ENOENT);
  command.search = true;
  EXPECT_TRUE(wait_for(start(command).value())->ok());
  command.path = "no-such-program-anywhere";
  EXPECT_EQ(start(command).error().sys, ENOENT);
}

TEST(Process, HowItEnded) {
  Command command;
  command.path = "/bin/sh";
  command.arguments = {"sh", "-c", "exit 99"};
  const Ended exited = wait_for(start(command).value()).value();
  EXPECT_EQ(exited.code, 99);
  EXPECT_FALSE(exited.ok());
  EXPECT_EQ(exited.text(), "exit code 99");
  command.arguments = {"sh", "-c", "kill -9 $$"};
  const Ended killed = wait_for(start(command).value()).value();
  EXPECT_EQ(killed.signal, 9);
  EXPECT_EQ(killed.code, 0);
  EXPECT_FALSE(killed.ok());
  EXPECT_EQ(killed.text(), "killed by signal 9");
}

TEST(Process, WaitingForAStrangerIsAnError) {
  EXPECT_EQ(wait_for(::getppid()).error().sys, ECHILD);
}

TEST(Process, PipeEndsAreCloseOnExec) {
  const Pipe pipe = make_pipe().value();
  EXPECT_EQ(::fcntl(pipe.read.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(pipe.write.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Process, SiblingsAreWhereTheProgramIsOrWhereTheEnvironmentSays) {
  ::unsetenv("PORPOISE_BIN");
  EXPECT_EQ(program_folder(), std::filesystem::read_symlink("/proc/self/exe").parent_path());
  ::setenv("PORPOISE_BIN", "/some/where", 1);
  EXPECT_EQ(program_folder(), "/some/where");
  ::setenv("PORPOISE_BIN", "relative", 1);
  EXPECT_NE(program_folder(), "relative");
  ::unsetenv("PORPOISE_BIN");
}

}  // namespace
}  // namespace porpoise::posix
