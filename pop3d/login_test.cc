#include "pop3d/login.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::pop3d {
namespace {

using namespace std::string_literals;
using Act = LoginStep::Act;

constexpr const char* kWrong = "-ERR [AUTH] wrong name or password|";

class LoginTest : public testing::Test {
 protected:
  /// The answer to `line`, CRLF as "|"; a check is "<NAME:SECRET>".
  std::string say(std::string_view line) { return shown(login_.command(line)); }
  std::string shown(const LoginStep& step) const {
    if (step.act == Act::check) return fmt::format("<{}:{}>", login_.name(), step.secret);
    std::string text = step.text;
    for (std::size_t at; (at = text.find("\r\n")) != std::string::npos;) text.replace(at, 2, "|");
    return text + (step.act == Act::close ? "<close>" : "");
  }

  Login login_{"mx.here.test", "<1.2@mx.here.test>", false};
};

TEST_F(LoginTest, TheStampIsShownOnlyWhereApopWorks) {
  EXPECT_EQ(login_.greeting(), "+OK mx.here.test POP3 ready\r\n");
  EXPECT_EQ(Login("h", "<1.2@h>", true).greeting(), "+OK <1.2@h>\r\n");
}

TEST_F(LoginTest, UserThenPassIsACheck) {
  EXPECT_EQ(say("USER alice"), "+OK|");
  EXPECT_EQ(say("PASS secret"), "<alice:secret>");
}

TEST_F(LoginTest, EveryNameIsWelcomeThatCouldBeOne) {
  EXPECT_EQ(say("USER nobody-here"), "+OK|");
  EXPECT_EQ(say("USER ../alice"), "+OK|");
  EXPECT_EQ(say("user m\xc3\xbcller"), "+OK|");
}

TEST_F(LoginTest, WhatCouldBeNobodysNameIsRefusedAndForgotten) {
  for (const std::string& line : {"USER"s, "USER "s, "USER a\0b"s, "USER \xc0\xaf"s, "USER a\rb"s,
                                  "USER " + std::string(200, 'a')}) {
    EXPECT_EQ(say(line), "-ERR this can be nobody's name|") << line;
    EXPECT_EQ(say("PASS secret"), "-ERR USER comes first|") << line;
  }
}

TEST_F(LoginTest, TheLastUserCounts) {
  say("USER alice");
  say("USER bob");
  EXPECT_EQ(say("PASS x"), "<bob:x>");
}

TEST_F(LoginTest, EverySpaceAfterTheFirstBelongsToThePassword) {
  say("USER alice");
  EXPECT_EQ(say("PASS  a b\tc "), "<alice: a b\tc >");
  EXPECT_EQ(say("PASS \xe9\xff"), "<alice:\xe9\xff>");
}

TEST_F(LoginTest, APasswordWithNulIsWrongWithoutAsking) {
  say("USER alice");
  EXPECT_EQ(say("PASS secret\0x"s), kWrong);
  say("USER alice");
  EXPECT_EQ(say("PASS"), kWrong);
  EXPECT_EQ(say("PASS secret"), "-ERR USER comes first|");
}

TEST_F(LoginTest, AfterAWrongPasswordUserComesAnew) {
  say("USER alice");
  say("PASS wrong");
  EXPECT_EQ(shown(login_.checked(Check::wrong)), kWrong);
  EXPECT_EQ(say("PASS secret"), "-ERR USER comes first|");
}

TEST_F(LoginTest, TheThirdWrongPasswordIsTheLast) {
  for (const char* end : {"", "", "<close>"}) {
    say("USER alice");
    say("PASS wrong");
    EXPECT_EQ(shown(login_.checked(Check::wrong)), kWrong + std::string(end));
  }
}

TEST_F(LoginTest, TroubleOfTheServerIsNotCalledAWrongPassword) {
  say("USER alice");
  say("PASS secret");
  EXPECT_EQ(shown(login_.checked(Check::trouble)), "-ERR [SYS/TEMP] login is not possible now|");
}

TEST_F(LoginTest, ASessionThatWasServedIsTheEnd) {
  say("USER alice");
  say("PASS secret");
  EXPECT_EQ(shown(login_.checked(Check::served)), "<close>");
}

TEST_F(LoginTest, ApopIsRefusedWhereItWasNotOffered) {
  EXPECT_EQ(say("APOP alice 0123"), "-ERR APOP is not offered here|");
}

TEST_F(LoginTest, ApopHandsOnTheDigest) {
  Login login("h", "<1.2@h>", true);
  LoginStep step = login.command("APOP alice 0123 4");
  EXPECT_EQ(step.act, Act::check);
  EXPECT_EQ(login.name(), "alice");
  EXPECT_EQ(step.secret, "0123 4");
  EXPECT_EQ(login.command("APOP alice").text, "-ERR want a name and a digest\r\n");
  EXPECT_EQ(login.command("APOP  0123").text, "-ERR this can be nobody's name\r\n");
}

TEST_F(LoginTest, OtherCommandsWaitForTheLogin) {
  for (const char* line : {"STAT", "RETR 1", "DELE 1", "LIST", "UIDL", "RSET", "TOP 1 0", "LAST"}) {
    EXPECT_EQ(say(line), "-ERR log in first|") << line;
  }
  EXPECT_EQ(say("STLS"), "-ERR unknown command|");
  EXPECT_EQ(say("NOOP"), "+OK|");
  EXPECT_EQ(shown(login_.line_too_long()), "-ERR line too long|");
  EXPECT_EQ(say("USER alice"), "+OK|");
}

TEST_F(LoginTest, QuitEndsIt) {
  EXPECT_EQ(say("QUIT"), "+OK bye|<close>");
}

TEST_F(LoginTest, TooManyBadCommandsEndIt) {
  for (int i = 1; i < Limits().bad_commands_before_login; ++i) say("GET / HTTP/1.1");
  EXPECT_EQ(say("Host: x"), "-ERR too many bad commands|<close>");
}

TEST_F(LoginTest, CapaIsAnsweredBeforeLogin) {
  EXPECT_TRUE(say("CAPA").starts_with("+OK capability list follows|TOP|USER|UIDL|"));
}

TEST(LoginRecord, IsThreeFieldsEndedByNul) {
  EXPECT_EQ(login_record("joe", "my pass word", "<30299.1795234878@my.host>"),
            "joe\0my pass word\0<30299.1795234878@my.host>\0"s);
}

TEST(Wipe, LeavesNothingInTheString) {
  std::string text = "a secret that is too long to lie in the string object itself";
  const char* octets = text.data();
  const std::size_t size = text.size();
  wipe(text);
  EXPECT_EQ(text, "");
  EXPECT_EQ(std::string(octets, size), std::string(size, '\0'));
}

}  // namespace
}  // namespace porpoise::pop3d
