// Each test confines a child of its own: there is no way back.

#include "posix/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

#include "posix/error.h"
#include "posix/process.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

using Access = Sandbox::Access;

// What `act` gives in a process that has been confined by `box`; "confine: ..." where it was not.
std::string confined(const Sandbox& box, const std::function<std::string()>& act) {
  Pipe out = make_pipe().value();
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<Confined> done = confine(box);
    const std::string text = done ? act() : "confine: " + done.error().text;
    (void)write_all(out.write.get(), text, "the pipe");
    ::_exit(0);
  }
  out.write.reset();
  std::string text = read_to_end(out.read.get(), 1 << 16, "the child").value();
  EXPECT_EQ(wait_for(child).value().text(), "exit code 0");
  return text;
}

// What is left of a system call: "" where it was done.
std::string told(long result) {
  return result < 0 ? error_text(errno) : "";
}

// The kernel's means, found out once.
Confined means() {
  static const Confined found = [] {
    const std::string text = confined({}, [] { return confine({}).value().text(); });
    return Confined{.files = text.starts_with("files"),
                    .calls = text.find("no seccomp") == std::string::npos};
  }();
  return found;
}

#define NEEDS(means_of) \
  if (!means().means_of) GTEST_SKIP() << "this kernel cannot: " << means().text()

constexpr const char* kNoAccess = "Permission denied";
constexpr const char* kNotAllowed = "Operation not permitted";

TEST(Sandbox, FilesOutsideOfThePlacesCannotBeOpened) {
  NEEDS(files);
  TestFolder folder;
  folder.make_folder("in");
  folder.make_folder("out");
  folder.write("in/file", "x");
  folder.write("out/file", "x");
  const Sandbox box{.places = {{folder.path("in"), Access::read}}};
  EXPECT_EQ(confined(box, [&] { return told(::open(folder.path("in/file").c_str(), O_RDONLY)); }),
            "");
  EXPECT_EQ(confined(box, [&] { return told(::open(folder.path("in").c_str(), O_RDONLY)); }), "");
  for (const char* name : {"out/file", "out", "."}) {
    EXPECT_EQ(confined(box, [&] { return told(::open(folder.path(name).c_str(), O_RDONLY)); }),
              kNoAccess)
        << name;
  }
  EXPECT_EQ(confined(box, [] { return told(::open("/etc/passwd", O_RDONLY)); }), kNoAccess);
  EXPECT_EQ(confined(box, [] { return told(::open("/dev/null", O_RDWR)); }), "");
}

TEST(Sandbox, WhereOneMayLookNoFileIsRead) {
  NEEDS(files);
  TestFolder folder;
  folder.make_folder("in");
  folder.write("in/file", "x");
  const Sandbox box{.places = {{folder.path(), Access::look}}};
  EXPECT_EQ(confined(box, [&] { return told(::open(folder.path("in").c_str(), O_RDONLY)); }), "");
  EXPECT_EQ(confined(box, [&] { return told(::open(folder.path("in/file").c_str(), O_RDONLY)); }),
            kNoAccess);
}

TEST(Sandbox, WhatMayBeReadMayNotBeChanged) {
  NEEDS(files);
  TestFolder folder;
  folder.write("file", "x");
  const Sandbox box{.places = {{folder.path(), Access::read}}};
  const std::string file = folder.path("file");
  const std::string made = folder.path("made");
  EXPECT_EQ(confined(box, [&] { return told(::open(file.c_str(), O_WRONLY)); }), kNoAccess);
  EXPECT_EQ(confined(box, [&] { return told(::open(made.c_str(), O_RDWR | O_CREAT, 0600)); }),
            kNoAccess);
  EXPECT_EQ(confined(box, [&] { return told(::unlink(file.c_str())); }), kNoAccess);
  EXPECT_EQ(confined(box, [&] { return told(::mkdir(made.c_str(), 0700)); }), kNoAccess);
  EXPECT_EQ(folder.names(), std::set<std::string>{"file"});
}

// The queue's way: an unnamed file, linked into another folder below the place.
TEST(Sandbox, BelowAPlaceToWriteFilesAreMadeLinkedAndRemoved) {
  TestFolder folder;
  folder.make_folder("tmp");
  folder.make_folder("new");
  const Sandbox box{.places = {{folder.path(), Access::write}}};
  EXPECT_EQ(confined(box,
                     [&]() -> std::string {
                       const int fd = ::open(folder.path("tmp").c_str(), O_RDWR | O_TMPFILE, 0600);
                       if (fd < 0) return told(fd);
                       const std::string self = fmt::format("/proc/self/fd/{}", fd);
                       const std::string name = folder.path("new/name");
                       if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(),
                                    AT_SYMLINK_FOLLOW) != 0) {
                         return "link: " + told(-1);
                       }
                       if (::open(self.c_str(), O_RDONLY) < 0) return "open anew: " + told(-1);
                       if (::link(name.c_str(), folder.path("tmp/name").c_str()) != 0)
                         return "link: " + told(-1);
                       return told(::unlink(name.c_str()));
                     }),
            "");
  EXPECT_EQ(folder.names("tmp"), std::set<std::string>{"name"});
  EXPECT_EQ(folder.names("new"), std::set<std::string>{});
}

TEST(Sandbox, AMemoryFileIsOpenedAnew) {
  EXPECT_EQ(confined({},
                     [] {
                       const int fd = ::memfd_create("content", MFD_CLOEXEC);
                       return told(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY));
                     }),
            "");
}

TEST(Sandbox, WhatIsOpenAlreadyServesOn) {
  TestFolder folder;
  folder.write("file", "text");
  const UniqueFd fd = open_at(folder.fd(), "file", O_RDONLY).value();
  EXPECT_EQ(confined({}, [&] { return read_to_end(fd.get(), 100, "it").value(); }), "text");
}

TEST(Sandbox, APlaceThatIsNotThereIsAnError) {
  NEEDS(files);
  EXPECT_EQ(confined({.places = {{"/no/such/place", Access::read}}}, [] { return std::string(); }),
            "confine: opening /no/such/place: No such file or directory");
}

TEST(Sandbox, NothingIsExecuted) {
  NEEDS(calls);
  EXPECT_EQ(confined({.places = {{"/", Access::run}}},
                     [] {
                       char name[] = "true";
                       char* const argv[] = {name, nullptr};
                       return told(::execv("/bin/true", argv));
                     }),
            kNotAllowed);
  EXPECT_EQ(confined({}, [] { return told(::fork()); }), kNotAllowed);
  EXPECT_EQ(confined({}, [] { return told(::vfork()); }), kNotAllowed);
}

TEST(Sandbox, OnlyProgramsInPlacesToRunAreExecuted) {
  NEEDS(files);
  TestFolder folder;
  folder.make_folder("bin");
  std::filesystem::copy("/bin/true", folder.path("bin/true"));
  std::filesystem::copy("/bin/true", folder.path("true"));
  const auto run = [](const std::string& path) {
    return [path]() -> std::string {
      Command command;
      command.path = path;
      command.arguments = {"true"};
      command.fds = {-1, -1, -1};
      const Result<pid_t> child = start(command);
      return child ? wait_for(*child).value().text() : child.error().text;
    };
  };
  // Its loader and libraries have to be read and run, too.
  Sandbox box{.places = {{folder.path("bin"), Access::run}}, .starts_programs = true};
  for (const char* name : {"/lib", "/lib64", "/usr/lib"}) {
    if (std::filesystem::exists(name)) box.places.push_back({name, Access::run});
  }
  EXPECT_EQ(confined(box, run(folder.path("bin/true"))), "exit code 0");
  EXPECT_EQ(confined(box, run(folder.path("true"))),
            fmt::format("starting {}: Permission denied", folder.path("true")));
}

TEST(Sandbox, ThreadsAreNoProcesses) {
  EXPECT_EQ(confined({},
                     [] {
                       std::string said;
                       std::thread([&] { said = "a thread"; }).join();
                       return said;
                     }),
            "a thread");
}

TEST(Sandbox, NoSocketIsMade) {
  NEEDS(calls);
  EXPECT_EQ(confined({}, [] { return told(::socket(AF_INET, SOCK_STREAM, 0)); }), kNotAllowed);
  EXPECT_EQ(confined({}, [] { return told(::socket(AF_UNIX, SOCK_STREAM, 0)); }), kNotAllowed);
  EXPECT_EQ(
      confined({.makes_sockets = true}, [] { return told(::socket(AF_UNIX, SOCK_STREAM, 0)); }),
      "");
}

TEST(Sandbox, NobodyIsSignalled) {
  NEEDS(calls);
  EXPECT_EQ(confined({}, [] { return told(::kill(::getppid(), 0)); }), kNotAllowed);
  EXPECT_EQ(confined({.signals_others = true}, [] { return told(::kill(::getppid(), 0)); }), "");
}

TEST(Sandbox, WhatNoPartNeedsIsRefused) {
  NEEDS(calls);
  const std::vector<std::pair<const char*, std::function<long()>>> calls = {
      {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }},
      {"unshare", [] { return ::unshare(CLONE_NEWUSER); }},
      {"clone", [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }},
      {"setuid", [] { return ::syscall(SYS_setuid, ::getuid()); }},
      {"setgroups", [] { return ::syscall(SYS_setgroups, 0, nullptr); }},
      {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
      {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"keyctl", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
      {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); }},
      {"mount", [] { return ::syscall(SYS_mount, "x", "/", "tmpfs", 0, nullptr); }}};
  for (const auto& [name, call] : calls) {
    EXPECT_EQ(confined({.starts_programs = true}, [&] { return told(call()); }), kNotAllowed)
        << name;
  }
}

TEST(Sandbox, PrivilegesNeverComeBack) {
  EXPECT_EQ(
      confined({}, [] { return fmt::format("{}", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); }),
      "1");
}

TEST(Sandbox, LimitsHold) {
  EXPECT_EQ(confined({.open_files = 8},
                     [] {
                       int opened = 0;
                       while (::open("/dev/null", O_RDONLY) >= 0) ++opened;
                       return fmt::format("{} {}", opened < 8, error_text(errno));
                     }),
            "true Too many open files");
  EXPECT_EQ(confined({},
                     [] {
                       rlimit core{};
                       (void)::getrlimit(RLIMIT_CORE, &core);
                       return fmt::format("{}", core.rlim_max);
                     }),
            "0");
}

TEST(Sandbox, SaysWhatTheKernelCannotDo) {
  EXPECT_EQ((Confined{.files = true, .calls = true}.text()),
            "files and system calls are restricted");
  EXPECT_EQ((Confined{.files = false, .calls = true}.text()),
            "system calls are restricted; no Landlock: files are not");
  EXPECT_EQ((Confined{.files = true, .calls = false}.text()),
            "files are restricted; no seccomp: system calls are not");
  EXPECT_EQ(Confined{}.text(),
            "neither files nor system calls are restricted: no Landlock, no seccomp");
}

}  // namespace
}  // namespace porpoise::posix
