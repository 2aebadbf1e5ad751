#include "instance/remote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace porpoise {
namespace {

using ::testing::ElementsAre;

std::string error_of(std::string_view line) {
  const Result<RemoteProgram> remote = RemoteProgram::parse(line);
  if (remote) return "none";
  EXPECT_EQ(remote.error().fate, Fate::temporary);
  return remote.error().text;
}

TEST(RemoteProgram, APipeIsItsWords) {
  const auto remote = RemoteProgram::parse("pipe msmtp --host=mail.test \t --port=587");
  ASSERT_TRUE(remote) << remote.error().text;
  EXPECT_EQ(remote->style, RemoteProgram::Style::pipe);
  EXPECT_THAT(remote->words, ElementsAre("msmtp", "--host=mail.test", "--port=587"));
}

TEST(RemoteProgram, AQmailProgramMayHaveWordsOfItsOwn) {
  const auto remote = RemoteProgram::parse("qmail /var/qmail/bin/qmail-remote");
  ASSERT_TRUE(remote) << remote.error().text;
  EXPECT_EQ(remote->style, RemoteProgram::Style::qmail);
  EXPECT_THAT(remote->words, ElementsAre("/var/qmail/bin/qmail-remote"));
}

TEST(RemoteProgram, WhatIsNoStyleIsSaidWithWhatIsWanted) {
  EXPECT_EQ(error_of("msmtp --host=x"),
            "control/remote: \"msmtp\" is no style; want: pipe COMMAND..., or: qmail PROGRAM");
  EXPECT_EQ(error_of("Pipe msmtp"),
            "control/remote: \"Pipe\" is no style; want: pipe COMMAND..., or: qmail PROGRAM");
  EXPECT_EQ(error_of("  "),
            "control/remote: \"\" is no style; want: pipe COMMAND..., or: qmail PROGRAM");
  EXPECT_EQ(error_of("|msmtp"),
            "control/remote: \"|msmtp\" is no style; want: pipe COMMAND..., or: qmail PROGRAM");
}

TEST(RemoteProgram, AStyleAloneIsNotEnough) {
  EXPECT_EQ(error_of("pipe"),
            "control/remote: no program after \"pipe\"; want: pipe COMMAND..., or: qmail PROGRAM");
  EXPECT_EQ(error_of("qmail "),
            "control/remote: no program after \"qmail\"; want: pipe COMMAND..., or: qmail PROGRAM");
}

TEST(RemoteProgram, WhatWasWrittenForAShellIsRefused) {
  for (const std::string line :
       {"pipe msmtp --passwordeval=\"pass x\"", "pipe a 'b'", "pipe a | b", "pipe a; b",
        "pipe a >b", "pipe a <b", "pipe $HOME/x", "pipe a `b`", "pipe a\\ b", "pipe a &"}) {
    EXPECT_NE(error_of(line).find("means nothing here, since no shell reads the line"),
              std::string::npos)
        << line;
  }
}

TEST(RemoteProgram, ARelativePathIsRefused) {
  EXPECT_EQ(error_of("pipe bin/send-it"),
            "control/remote: bin/send-it: want a path that begins with /, or a name without one");
  EXPECT_EQ(error_of("pipe ~/send-it"),
            "control/remote: ~/send-it: want a path that begins with /, or a name without one");
}

TEST(RemoteProgram, AProgramIsFoundByNameOrPathOrTheErrorSaysWhere) {
  const auto path_of = [](const std::string& line) {
    const Result<std::string> path = RemoteProgram::parse(line)->path();
    return path ? *path : path.error().text;
  };
  EXPECT_EQ(path_of("pipe /bin/sh"), "/bin/sh");
  EXPECT_TRUE(path_of("pipe sh").ends_with("/bin/sh")) << path_of("pipe sh");
  EXPECT_EQ(path_of("pipe /nowhere/at-all"),
            "control/remote: /nowhere/at-all is no program that can be run");
  EXPECT_EQ(
      path_of("pipe no-such-program-here"),
      std::string("control/remote: there is no program no-such-program-here in ") + kRemotePath);
}

}  // namespace
}  // namespace porpoise
