#include "queue/foreign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "queue/test_queue.h"

using namespace std::string_literals;

namespace porpoise::queue {
namespace {

using ::testing::IsEmpty;

// A shell script in the place of the queue; it sees its descriptors as 0, 1 and 6.
class ForeignTest : public ::testing::Test {
 protected:
  ForeignTest() { (void)::signal(SIGPIPE, SIG_IGN); }
  ~ForeignTest() override { ::unsetenv("QMAILQUEUE"); }

  void program(const std::string& script) {
    queue_.folder().write("program", "#!/bin/sh\ncd " + queue_.folder().path() + "\n" + script);
    std::filesystem::permissions(queue_.folder().path("program"),
                                 std::filesystem::perms::owner_all);
    ::setenv("QMAILQUEUE", queue_.folder().path("program").c_str(), 1);
  }

  // "queued", or "CODE D|Z text".
  std::string submit(const std::string& text = "hello\n", const SubmitOptions& options = {}) {
    auto submission = begin(queue_.instance(), options);
    if (!submission) return shown(submission.error());
    if (auto done = (*submission)->write(text); !done) return shown(done.error());
    auto id = (*submission)->finish(kEnvelope);
    return id ? "queued" + *id : shown(id.error());
  }
  static std::string shown(const SubmitError& error) {
    return fmt::format("{} {} {}", error.code, error.error.fate == Fate::permanent ? 'D' : 'Z',
                       error.error.text);
  }

  const mail::Envelope kEnvelope{.sender = "a@b",
                                 .parameters = {{"RET", "HDRS"}},
                                 .recipients = {{"c@d", {{"NOTIFY", "NEVER"}}}, {"e@f", {}}}};
  TestQueue queue_;
};

TEST_F(ForeignTest, ItGetsTheMessageAsItIsAndTheEnvelopeWithoutParameters) {
  program("cat >message; cat <&1 >envelope\n");
  EXPECT_EQ(submit("From me\nhello"), "queued");
  EXPECT_EQ(queue_.folder().text("message"), "From me\nhello");
  EXPECT_EQ(queue_.folder().text("envelope"), "Fa@b\0Tc@d\0Te@f\0\0"s);
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
}

TEST_F(ForeignTest, TheLineOfASessionIsWrittenForIt) {
  program("cat >message; cat <&1 >envelope\n");
  const ReceivedClauses clauses{
      .from = "client.test", .by = "mx.here.test", .with = "SMTP", .recipient = ""};
  EXPECT_EQ(submit("text\n", {.received = clauses}), "queued");
  EXPECT_THAT(queue_.folder().text("message"),
              ::testing::MatchesRegex(
                  "Received: from client.test\n  by mx.here.test with SMTP;\n  [^\n]*\ntext\n"));
}

TEST_F(ForeignTest, ItsFolderIsTheInstance) {
  ::setenv("QMAILQUEUE", "./here", 1);
  queue_.folder().write("instance/here", "#!/bin/sh\ncat >got; cat <&1 >/dev/null\n");
  std::filesystem::permissions(queue_.path() + "/here", std::filesystem::perms::owner_all);
  EXPECT_EQ(submit(), "queued");
  EXPECT_EQ(queue_.folder().text("instance/got"), "hello\n");
}

TEST_F(ForeignTest, ExitCodesAreThoseOfTheProtocol) {
  for (const int code : {11, 30, 31, 51, 53, 54, 71, 72, 91, 99, 115, 120}) {
    program(fmt::format("cat >/dev/null; cat <&1 >/dev/null; exit {}\n", code));
    EXPECT_EQ(submit(), fmt::format("{} {} {}", code, fate_of(code) == Fate::permanent ? 'D' : 'Z',
                                    text_of(code)));
  }
}

TEST_F(ForeignTest, Code82SpeaksForItself) {
  const std::string read = "cat >/dev/null; cat <&1 >/dev/null; ";
  program(read + "printf 'Dno such list' >&6; exit 82\n");
  EXPECT_EQ(submit(), "82 D no such list");
  program(read + "printf 'Zcome back' >&6; exit 82\n");
  EXPECT_EQ(submit(), "82 Z come back");
  program(read + "printf 'odd' >&6; exit 82\n");
  EXPECT_EQ(submit(), "82 Z dd");
  program(read + "printf 'Dx' >&6; exit 82\n");
  EXPECT_EQ(submit(),
            "82 Z " + queue_.folder().path("program") + ": refused without a reason (#4.3.0)");
  program(read + "exit 82\n");
  EXPECT_EQ(submit(),
            "82 Z " + queue_.folder().path("program") + ": refused without a reason (#4.3.0)");
  program(read + "printf 'Dignored' >&6; exit 31\n");
  EXPECT_EQ(submit(), "31 D " + text_of(31));
}

TEST_F(ForeignTest, ItsTextIsCutAt255Octets) {
  program(
      "cat >/dev/null; cat <&1 >/dev/null; head -c 100000 /dev/zero | tr '\\0' D >&6; exit 82\n");
  EXPECT_EQ(submit(), "82 D " + std::string(254, 'D'));
}

TEST_F(ForeignTest, ItMayRefuseBeforeItHasReadAll) {
  program("printf 'Dtoo large' >&6; exit 82\n");
  EXPECT_EQ(submit(std::string(1'000'000, 'x')), "82 D too large");
}

TEST_F(ForeignTest, SuccessWithoutHavingReadAllIsNone) {
  program("exit 0\n");
  EXPECT_EQ(submit(std::string(1'000'000, 'x')), "54 Z " + queue_.folder().path("program") +
                                                     ": took only a part of the message (#4.3.0)");
}

TEST_F(ForeignTest, TextAndMessageNeverWaitForEachOther) {
  program("head -c 300000 /dev/zero >&6; cat >message; cat <&1 >/dev/null; exit 31\n");
  EXPECT_EQ(submit(std::string(1'000'000, 'x')), "31 D " + text_of(31));
  EXPECT_EQ(queue_.folder().text("message").size(), 1'000'000u);
}

TEST_F(ForeignTest, AGrandchildThatHoldsDescriptor6IsNotWaitedFor) {
  program(
      "cat >/dev/null; cat <&1 >/dev/null; mkfifo stop; cat stop >/dev/null & printf 'Dno' >&6; "
      "exit 82\n");
  EXPECT_EQ(submit(), "82 D no");
  // The grandchild ends now: it was alive, else this would not be opened at once.
  const int fd = ::open(queue_.folder().path("stop").c_str(), O_WRONLY);
  EXPECT_GE(fd, 0);
  ::close(fd);
}

TEST_F(ForeignTest, AKilledOneIsTemporary) {
  program("cat >/dev/null; kill -9 $$\n");
  EXPECT_EQ(submit(), "81 Z " + queue_.folder().path("program") + ": killed by signal 9 (#4.3.0)");
}

TEST_F(ForeignTest, OneThatCannotBeStartedIsCode120) {
  ::setenv("QMAILQUEUE", "/no/such/program", 1);
  EXPECT_EQ(submit(), "120 Z starting /no/such/program: No such file or directory");
  ::setenv("QMAILQUEUE", "sh", 1);
  EXPECT_EQ(submit(), "120 Z starting sh: No such file or directory") << "PATH is not searched";
}

TEST_F(ForeignTest, AbandonedItSeesNoEndOfTheEnvelope) {
  program("cat >message; cat <&1 >envelope; : >ended\n");
  {
    EXPECT_TRUE(begin(queue_.instance(), {}).value()->write("half"));
  }
  EXPECT_EQ(queue_.folder().text("message"), "half");
  EXPECT_EQ(queue_.folder().text("envelope"), "");
  EXPECT_EQ(queue_.folder().names().count("ended"), 1u) << "it was waited for";
}

TEST_F(ForeignTest, LimitsHoldForItToo) {
  program("cat >/dev/null; cat <&1 >/dev/null\n");
  EXPECT_EQ(submit("123456", {.max_octets = 5}), "31 D message longer than 5 octets");
}

TEST_F(ForeignTest, ItIsUsedOnlyWhereAllowed) {
  program("exit 31\n");
  auto submission = begin(queue_.instance(), {}, false).value();
  EXPECT_TRUE(submission->finish(kEnvelope));
  EXPECT_EQ(queue_.names("incoming").size(), 1u);
  ::setenv("QMAILQUEUE", "", 1);
  EXPECT_TRUE(begin(queue_.instance(), {}).value()->finish(kEnvelope)) << "empty is not set";
}

}  // namespace
}  // namespace porpoise::queue
