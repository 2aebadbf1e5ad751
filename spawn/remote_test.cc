#include "spawn/remote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace porpoise::spawn {
namespace {

using ::testing::ElementsAre;
using Style = RemoteProgram::Style;

const RemoteProgram kPipe{Style::pipe, {"msmtp", "--host=mail.test"}};
const RemoteProgram kQmail{Style::qmail, {"/x/qmail-remote"}};

StartDelivery delivery(std::string sender, std::string recipient) {
  return {.slot = 0, .sender = std::move(sender), .recipient = std::move(recipient)};
}
std::string refusal(const StartDelivery& start) {
  for (const RemoteProgram& program : {kPipe, kQmail}) {
    const auto arguments = remote_arguments(program, start);
    if (arguments) return "none";
    EXPECT_EQ(arguments.error().fate, Fate::permanent);
  }
  return remote_arguments(kPipe, start).error().text;
}
std::string shown(const Said& said) {
  return fmt::format("{} {}", said.letter, said.text);
}
std::string pipe(int code, std::string_view words = "") {
  return shown(said_by_pipe({.code = code}, words));
}
std::string qmail(std::string_view reports, posix::Ended ended = {}) {
  return shown(said_by_qmail(ended, reports));
}
template <std::size_t N>
std::string_view octets(const char (&text)[N]) {
  return {text, N - 1};
}

// ---- arguments

TEST(RemoteArguments, APipeGetsThemAsSendmailDoes) {
  EXPECT_THAT(
      *remote_arguments(kPipe, delivery("ann@here.test", "bob@far.test")),
      ElementsAre("msmtp", "--host=mail.test", "-f", "ann@here.test", "--", "bob@far.test"));
}

TEST(RemoteArguments, AQmailProgramGetsTheHostFirst) {
  EXPECT_THAT(*remote_arguments(kQmail, delivery("ann@here.test", "a@b@far.test")),
              ElementsAre("/x/qmail-remote", "far.test", "ann@here.test", "a@b@far.test"));
}

TEST(RemoteArguments, TheNullSenderIsAnEmptyWord) {
  EXPECT_THAT(*remote_arguments(kPipe, delivery("", "bob@far.test")),
              ElementsAre("msmtp", "--host=mail.test", "-f", "", "--", "bob@far.test"));
  EXPECT_THAT(*remote_arguments(kQmail, delivery("", "bob@far.test")),
              ElementsAre("/x/qmail-remote", "far.test", "", "bob@far.test"));
}

TEST(RemoteArguments, OnlyAPipeGetsOddLocalPartsQuoted) {
  const StartDelivery start = delivery("a,b@here.test", "c d@far.test");
  EXPECT_THAT(*remote_arguments(kPipe, start),
              ElementsAre("msmtp", "--host=mail.test", "-f", "\"a,b\"@here.test", "--",
                          "\"c d\"@far.test"));
  EXPECT_THAT(*remote_arguments(kQmail, start),
              ElementsAre("/x/qmail-remote", "far.test", "a,b@here.test", "c d@far.test"));
}

TEST(RemoteArguments, AnAddressThatLooksLikeAnOptionStaysAnAddress) {
  EXPECT_THAT(*remote_arguments(kPipe, delivery("-t@here.test", "-C@far.test")),
              ElementsAre("msmtp", "--host=mail.test", "-f", "-t@here.test", "--", "-C@far.test"));
}

TEST(RemoteArguments, WithoutADomainThereIsNowhereToGo) {
  EXPECT_EQ(refusal(delivery("", "bob")), "the address has no domain (#5.1.3)");
  EXPECT_EQ(refusal(delivery("", "bob@")), "the address has no domain (#5.1.3)");
}

TEST(RemoteArguments, ControlCharactersReachNoProgram) {
  EXPECT_EQ(refusal(delivery("", "bob\r\nRCPT TO:<x@y>@far.test")),
            "the address has a control character: no program is given that (#5.1.3)");
  EXPECT_EQ(refusal(delivery("", "bob@far.test\x7f")),
            "the address has a control character: no program is given that (#5.1.3)");
  EXPECT_EQ(refusal(delivery("ann\n@here.test", "bob@far.test")),
            "the sender has a control character: no program is given that (#5.1.7)");
}

// ---- pipe

TEST(SaidByPipe, ZeroIsDelivered) {
  EXPECT_EQ(pipe(0), "K ");
  EXPECT_EQ(pipe(0, "250 ok queued as 7\n"), "K 250 ok queued as 7");
}

TEST(SaidByPipe, OnlyThreeCodesAreFailures) {
  for (int code = 1; code < 256; ++code) {
    const bool failure = code == 65 || code == 67 || code == 100;
    EXPECT_EQ(said_by_pipe({.code = code}, "").letter, failure ? 'D' : 'Z') << code;
  }
}

TEST(SaidByPipe, EachCodeHasItsReason) {
  EXPECT_EQ(pipe(64), "Z exit code 64: wrong usage: see control/remote (#4.3.5)");
  EXPECT_EQ(pipe(65), "D exit code 65: the message was refused (#5.6.0)");
  EXPECT_EQ(pipe(66), "Z exit code 66: no input (#4.3.0)");
  EXPECT_EQ(pipe(67), "D exit code 67: no such user there (#5.1.1)");
  EXPECT_EQ(pipe(68), "Z exit code 68: the host was not found (#4.4.3)");
  EXPECT_EQ(pipe(69), "Z exit code 69: the service is not available (#4.3.0)");
  EXPECT_EQ(pipe(70), "Z exit code 70: a mistake in the program (#4.3.0)");
  EXPECT_EQ(pipe(71), "Z exit code 71: the system could not do it (#4.3.0)");
  EXPECT_EQ(pipe(72), "Z exit code 72: a file of the system is missing (#4.3.0)");
  EXPECT_EQ(pipe(73), "Z exit code 73: a file could not be made (#4.3.0)");
  EXPECT_EQ(pipe(74), "Z exit code 74: reading or writing failed (#4.4.2)");
  EXPECT_EQ(pipe(75), "Z exit code 75: not now (#4.4.0)");
  EXPECT_EQ(pipe(76), "Z exit code 76: the other side did not keep to the protocol (#4.5.0)");
  EXPECT_EQ(pipe(77), "Z exit code 77: the login was refused (#4.7.0)");
  EXPECT_EQ(pipe(78), "Z exit code 78: the program's configuration is wrong (#4.3.5)");
  EXPECT_EQ(pipe(100), "D exit code 100: refused (#5.3.0)");
  EXPECT_EQ(pipe(111), "Z exit code 111: not now (#4.3.0)");
  EXPECT_EQ(pipe(1), "Z the program for other hosts: exit code 1 (#4.3.0)");
  EXPECT_EQ(pipe(99), "Z the program for other hosts: exit code 99 (#4.3.0)");
}

TEST(SaidByPipe, ItsWordsComeFirst) {
  EXPECT_EQ(pipe(65, "msmtp: server message: 550 no\n\n"),
            "D msmtp: server message: 550 no\nexit code 65: the message was refused (#5.6.0)");
  EXPECT_EQ(shown(said_by_pipe({.signal = 11}, octets("a\0b"))),
            "Z a?b\nthe program for other hosts: killed by signal 11 (#4.3.0)");
}

// ---- qmail

TEST(SaidByQmail, AcceptedAndTakenIsDelivered) {
  EXPECT_EQ(qmail(octets("r\0K1.2.3.4 accepted message.\n\0")), "K 1.2.3.4 accepted message.");
  EXPECT_EQ(qmail(octets("r\0Kfirst\0Zsecond\0")), "K first");
}

TEST(SaidByQmail, ARecipientThatIsRefusedIsWhateverTheMessageIs) {
  EXPECT_EQ(qmail(octets("hno such user\n\0Kaccepted\0")), "D no such user");
  EXPECT_EQ(qmail(octets("htoo bad\n\0Dgiving up\n\0")), "D too bad\ngiving up");
  EXPECT_EQ(qmail(octets("slater\n\0Dgiving up\n\0")), "Z later\ngiving up");
  EXPECT_EQ(qmail(octets("slater\n\0Kaccepted\0")), "Z later");
  EXPECT_EQ(qmail(octets("hno\0")), "D no");
}

TEST(SaidByQmail, AMessageReportAloneCountsForAll) {
  EXPECT_EQ(qmail(octets("ZConnected, but connection died. (#4.4.2)\n\0")),
            "Z Connected, but connection died. (#4.4.2)");
  EXPECT_EQ(qmail(octets("DI couldn't find any host (#5.1.2)\n\0")),
            "D I couldn't find any host (#5.1.2)");
  EXPECT_EQ(qmail(octets("r\0D550 no\0")), "D 550 no");
  EXPECT_EQ(qmail(octets("r\0Z450 no\0")), "Z 450 no");
}

TEST(SaidByQmail, WithoutAWholeReportItHasSaidNothing) {
  EXPECT_EQ(qmail(""), "Z the program for other hosts made no report (#4.3.0)");
  EXPECT_EQ(qmail("Kbut no end"),
            "Z Kbut no end\nthe program for other hosts made no report (#4.3.0)");
  EXPECT_EQ(qmail(octets("r\0")), "Z r?\nthe program for other hosts made no report (#4.3.0)");
  EXPECT_EQ(qmail(octets("\0\0")), "Z ??\nthe program for other hosts made no report (#4.3.0)");
  EXPECT_EQ(qmail(octets("garbage\0")),
            "Z garbage?\nthe program for other hosts made no report (#4.3.0)");
}

TEST(SaidByQmail, AnotherEndThanZeroIsNoReportEither) {
  EXPECT_EQ(qmail(octets("r\0Kaccepted\0"), {.code = 1}),
            "Z r?Kaccepted?\nthe program for other hosts: exit code 1 (#4.3.0)");
  EXPECT_EQ(qmail("", {.code = 100}), "Z the program for other hosts: exit code 100 (#4.3.0)");
  EXPECT_EQ(qmail("", {.signal = 9}), "Z the program for other hosts: killed by signal 9 (#4.3.0)");
}

}  // namespace
}  // namespace porpoise::spawn
