#include "posix/become.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/file.h"
#include "posix/process.h"
#include "posix/socket.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

constexpr uid_t kSomebody = 61955;

// What `body` answers, run in a child of its own: it may not come back from who it became.
std::string in_child(const std::function<std::string()>& body) {
  Pipe pipe = make_pipe().value();
  const pid_t pid = fork_into({-1, pipe.write.get(), 2}, [&] {
                      return write_all(1, body(), "the answer") ? 0 : 1;
                    }).value();
  pipe.write.reset();
  std::string text = read_to_end(pipe.read.get(), 1 << 20, "the answer").value();
  EXPECT_TRUE(wait_for(pid)->ok());
  return text;
}

std::string shown(const Result<>& done) {
  return done ? "done" : done.error().text;
}

// "uid uid uid gid gid gid groups"
std::string who_we_are() {
  uid_t u[3];
  gid_t g[3], groups[64];
  if (::getresuid(&u[0], &u[1], &u[2]) != 0 || ::getresgid(&g[0], &g[1], &g[2]) != 0) return "?";
  const int count = ::getgroups(64, groups);
  return fmt::format("{} {} {} {} {} {} {}", u[0], u[1], u[2], g[0], g[1], g[2],
                     fmt::join(groups, groups + count, ","));
}

class BecomeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(BecomeTest, AllOfTheNumbersChange) {
  EXPECT_EQ(in_child([] {
              Result<> done = become({.uid = kSomebody, .gid = kSomebody + 1, .groups = {7, 9}});
              return shown(done) + " " + who_we_are();
            }),
            "done 61955 61955 61955 61956 61956 61956 7,9,61956");
}

TEST_F(BecomeTest, TheCallersGroupsAreGone) {
  EXPECT_EQ(in_child([] {
              Result<> done = become({.uid = kSomebody, .gid = kSomebody});
              return shown(done) + " " + who_we_are();
            }),
            "done 61955 61955 61955 61955 61955 61955 61955");
}

TEST_F(BecomeTest, NothingOfOursCanBeOpenedAfterwards) {
  const TestFolder top;
  top.write("ours", "x");
  ASSERT_EQ(::chmod(top.path("ours").c_str(), 0600), 0);
  EXPECT_EQ(in_child([&] {
              Result<> done = become({.uid = kSomebody, .gid = kSomebody});
              return ::open(top.path("ours").c_str(), O_RDONLY) < 0 ? shown(done) : "opened";
            }),
            "done");
}

TEST_F(BecomeTest, OthersOfThatUidCannotWatch) {
  EXPECT_EQ(in_child([] {
              Result<> done = become({.uid = kSomebody, .gid = kSomebody});
              return shown(done) + (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? " dumpable" : "");
            }),
            "done");
}

TEST_F(BecomeTest, NeverRoot) {
  for (const Become& who : {Become{0, 7}, Become{7, 0}, Become{7, 7, {9, 0}}, Become{UINT32_MAX, 7},
                            Become{7, UINT32_MAX}}) {
    EXPECT_EQ(in_child([&] { return shown(become(who)) + " " + who_we_are().substr(0, 5); }),
              fmt::format("becoming uid {} and gid {}: never root 0 0 0", who.uid, who.gid));
  }
}

TEST_F(BecomeTest, WithAWayBackItIsAnError) {
  EXPECT_EQ(in_child([] {
              // As a container may be set up: the switch keeps the capabilities.
              constexpr int kNoSetuidFixup = 1 << 2;
              if (::prctl(PR_SET_SECUREBITS, kNoSetuidFixup, 0, 0, 0) != 0) return std::string("?");
              return shown(become({.uid = kSomebody, .gid = kSomebody}));
            }),
            "becoming uid 61955: root could be had again");
}

TEST_F(BecomeTest, WhoMayNotChangeItsGroupsIsTold) {
  EXPECT_EQ(in_child([] {
              Result<> done = keep_capabilities({CAP_SETUID});
              return shown(done) + " " + shown(become({.uid = kSomebody, .gid = kSomebody}));
            }),
            "done setting the groups: Operation not permitted");
}

TEST_F(BecomeTest, WhoMayNotChangeItsUidIsTold) {
  EXPECT_EQ(in_child([] {
              Result<> done = keep_capabilities({CAP_SETGID});
              return shown(done) + " " + shown(become({.uid = kSomebody, .gid = kSomebody}));
            }),
            "done becoming uid 61955: Operation not permitted");
}

TEST_F(BecomeTest, WithoutCapabilitiesRootReadsNothingOfOthers) {
  const TestFolder top;
  top.write("theirs", "x");
  ASSERT_EQ(::chmod(top.path("theirs").c_str(), 0600), 0);
  ASSERT_EQ(::chown(top.path("theirs").c_str(), kSomebody, kSomebody), 0);
  EXPECT_EQ(in_child([&] {
              Result<> done = keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_KILL});
              const bool read = ::open(top.path("theirs").c_str(), O_RDONLY) >= 0;
              return shown(done) + (read ? " read" : "");
            }),
            "done");
}

TEST_F(BecomeTest, ButItCanStillBecomeSomebody) {
  EXPECT_EQ(in_child([] {
              Result<> done = keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_KILL});
              Result<> became = become({.uid = kSomebody, .gid = kSomebody});
              return shown(done) + " " + shown(became);
            }),
            "done done");
}

TEST(Resources, CoreFilesAndDescriptorsAreLimited) {
  EXPECT_EQ(in_child([] {
              raise_file_limit();
              Result<> done = set_resources({.core = 0, .files = 77});
              rlimit core{}, files{};
              (void)::getrlimit(RLIMIT_CORE, &core);
              (void)::getrlimit(RLIMIT_NOFILE, &files);
              return fmt::format("{} {} {}", shown(done), core.rlim_cur, files.rlim_cur);
            }),
            "done 0 77");
}

TEST(Resources, LessThanIsWantedIsKept) {
  EXPECT_EQ(in_child([] {
              const rlimit few{50, 60};
              (void)::setrlimit(RLIMIT_NOFILE, &few);
              Result<> done = set_resources({});
              rlimit files{};
              (void)::getrlimit(RLIMIT_NOFILE, &files);
              return fmt::format("{} {}", shown(done), files.rlim_cur);
            }),
            "done 60");
}

TEST_F(BecomeTest, ABetterPriorityThanOthersIsGivenUp) {
  EXPECT_EQ(in_child([] {
              if (::setpriority(PRIO_PROCESS, 0, -5) != 0) return std::string("?");
              Result<> done = set_resources({});
              return fmt::format("{} {}", shown(done), ::getpriority(PRIO_PROCESS, 0));
            }),
            "done 0");
  EXPECT_EQ(in_child([] {
              if (::setpriority(PRIO_PROCESS, 0, 5) != 0) return std::string("?");
              Result<> done = set_resources({});
              return fmt::format("{} {}", shown(done), ::getpriority(PRIO_PROCESS, 0));
            }),
            "done 5");
}

TEST(EndWith, SaysThatTheParentIsGone) {
  EXPECT_EQ(in_child([] { return shown(end_with(::getpid(), SIGKILL)); }), "the parent has ended");
  EXPECT_EQ(in_child([] { return shown(end_with(::getppid(), SIGKILL)); }), "done");
}

// -- the child that all this is for

TEST(ForkInto, HasExactlyItsDescriptorsAndASessionOfItsOwn) {
  EXPECT_EQ(in_child([] {
              std::string open;
              for (int fd = 0; fd < 100; ++fd) {
                if (::fcntl(fd, F_GETFD) >= 0) open += fmt::format("{} ", fd);
              }
              char folder[100];
              const mode_t mask = ::umask(0);
              return fmt::format("{}{:03o} {} {}", open, mask, ::getcwd(folder, sizeof folder),
                                 ::getsid(0) == ::getpid());
            }),
            "0 1 2 077 / true");
}

TEST(ForkInto, EndsWithTheCodeOfItsBody) {
  EXPECT_EQ(wait_for(*fork_into({}, [] { return 7; }))->code, 7);
  EXPECT_EQ(wait_for(*fork_into({}, []() -> int { throw std::bad_alloc(); }))->code, 111);
}

TEST(ForkInto, AMissingProgramIsToldByExecute) {
  EXPECT_EQ(in_child([] {
              Command command;
              command.path = "/no/such/program";
              command.arguments = {"x"};
              return execute(command).text;
            }),
            "starting /no/such/program: No such file or directory");
}

// -- descriptors that come over a socket

std::vector<int> send_descriptors(int socket, std::size_t count) {
  std::vector<int> fds(count, 0);
  std::vector<char> room(CMSG_SPACE(sizeof(int) * count));
  char octet = 'x';
  iovec piece{&octet, 1};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = room.data();
  header.msg_controllen = room.size();
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int) * count);
  std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(control)));
  EXPECT_EQ(::sendmsg(socket, &header, 0), 1);
  return fds;
}

TEST(Descriptors, MoreThanOneAreRefusedAndNoneStaysOpen) {
  const SocketPair pair = message_pair().value();
  const int next = UniqueFd(::dup(0)).get();  // closed at once: the lowest that is free
  for (const std::size_t count : {2, 3, 4, 50, 253}) {
    send_descriptors(pair.ours.get(), count);
    const auto got = receive_message(pair.theirs.get(), 100);
    ASSERT_FALSE(got) << count;
    EXPECT_EQ(got.error().text, "receiving a message: more than one descriptor");
    EXPECT_EQ(::fcntl(next, F_GETFD), -1) << count;
  }
  send_descriptors(pair.ours.get(), 1);
  const auto got = receive_message(pair.theirs.get(), 100);
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)->descriptor.get(), next);
}

}  // namespace
}  // namespace porpoise::posix
