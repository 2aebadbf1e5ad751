#include "front/listen_fds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace porpoise::front {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ListenFds, AreCalledAsTheVariableSays) {
  EXPECT_THAT(*listen_names(2, "submit:control"), ElementsAre("submit", "control"));
  EXPECT_THAT(*listen_names(1, "pop3"), ElementsAre("pop3"));
  EXPECT_THAT(*listen_names(2, std::nullopt), ElementsAre("unknown", "unknown"));
  EXPECT_THAT(*listen_names(2, "a:"), ElementsAre("a", ""));
  EXPECT_THAT(*listen_names(0, std::nullopt), IsEmpty());
}

TEST(ListenFds, WantANameEach) {
  EXPECT_EQ(listen_names(2, "submit").error().text, "LISTEN_FDNAMES \"submit\": want 2 names");
  EXPECT_EQ(listen_names(1, "a:b").error().text, "LISTEN_FDNAMES \"a:b\": want 1 name");
  EXPECT_EQ(listen_names(2, "a:b:c:d").error().text, "LISTEN_FDNAMES \"a:b:c:d\": want 2 names");
}

TEST(ListenFds, AreNoneWithoutTheVariables) {
  ::unsetenv("LISTEN_PID");
  ::setenv("LISTEN_FDS", "1", 1);
  EXPECT_THAT(*take_listen_fds(), IsEmpty());
  EXPECT_EQ(::getenv("LISTEN_FDS"), nullptr);
}

TEST(ListenFds, OfAnotherProcessAreNotOurs) {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  EXPECT_THAT(*take_listen_fds(), IsEmpty());
  EXPECT_EQ(::getenv("LISTEN_PID"), nullptr);
}

TEST(ListenFds, ANumberThatMakesNoSenseIsAnError) {
  for (const char* number : {"x", "-1", "17", ""}) {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", number, 1);
    EXPECT_EQ(take_listen_fds().error().text,
              fmt::format("LISTEN_FDS \"{}\" is no number to 16", number));
  }
}

}  // namespace
}  // namespace porpoise::front
