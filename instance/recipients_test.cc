#include "instance/recipients.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/test_folder.h"

namespace porpoise {
namespace {

class RecipientsTest : public testing::Test {
 protected:
  RecipientsTest() {
    for (const char* folder : {"control", "users", "alias", "home", "alice"}) {
      top_.make_folder(folder);
    }
    top_.write("control/me", "mx.here.test\n");
    top_.write("control/locals", "here.test\n");
    top_.write("control/owner", "owner:500:501:" + top_.path("home") + "\n");
    const std::string ids = "alice:500:501:" + top_.path("alice");
    top_.write("users/assign", "=alice:" + ids + ":::\n+alice-:" + ids + ":-::\n" +
                                   "+gone-:gone:500:501:" + top_.path("gone") + ":-::\n.\n");
  }

  std::string check(const std::string& address) {
    const Instance instance = *Instance::open(top_.path());
    Result<Recipients> recipients = Recipients::load(instance);
    if (!recipients) return fmt::format("error: {}", recipients.error().text);
    const Finding found = recipients->check(address);
    const char* const words[] = {"yes", "no", "elsewhere", "unknown"};
    return fmt::format("{} {} [{}]", words[static_cast<int>(found.answer)],
                       found.local ? "local" : "remote", found.rule);
  }

  posix::TestFolder top_;
};

TEST_F(RecipientsTest, AnAccountWithoutExtensionNeedsNoFile) {
  EXPECT_EQ(check("alice@here.test"), "yes local [users/assign line 1]");
  EXPECT_EQ(check("Owner@HERE.test"), "yes local [control/owner]");
}

TEST_F(RecipientsTest, AnExtensionNeedsADotFile) {
  EXPECT_EQ(check("alice-list@here.test"), "no local [users/assign line 2]");
  top_.write("alice/.qmail-list", "");
  EXPECT_EQ(check("alice-List@here.test"), "yes local [users/assign line 2]");
  EXPECT_EQ(check("alice-list-x@here.test"), "no local [users/assign line 2]");
  top_.write("alice/.qmail-list-default", "");
  EXPECT_EQ(check("alice-list-x@here.test"), "yes local [users/assign line 2]");
}

TEST_F(RecipientsTest, EverybodyElseIsLookedForInAlias) {
  EXPECT_EQ(check("nobody-here@here.test"), "no local [alias/]");
  top_.write("alias/.qmail-postmaster", "&owner\n");
  EXPECT_EQ(check("POSTMASTER@here.test"), "yes local [alias/]");
  top_.write("alias/.qmail-a:b", "&owner\n");
  EXPECT_EQ(check("a.b@here.test"), "yes local [alias/]");
}

TEST_F(RecipientsTest, WhatCannotBeSeenIsUnknown) {
  EXPECT_EQ(check("gone-x@here.test"), "unknown local [users/assign line 3]");
  if (::geteuid() == 0) return;  // who may read everything
  ::chmod(top_.path("alice").c_str(), 0);
  EXPECT_EQ(check("alice-x@here.test"), "unknown local [users/assign line 2]");
  ::chmod(top_.path("alice").c_str(), 0700);
}

TEST_F(RecipientsTest, InASystemInstanceThePasswordFileIsAsked) {
  std::filesystem::remove(top_.path("control/owner"));
  std::filesystem::remove(top_.path("users/assign"));
  top_.write("control/system", "queue:q:61971:71\nnetwork:n:61972:72\nalias:a:61973:73\n");
  // Root is in every password file, and gets no mail of its own.
  EXPECT_EQ(check("root@here.test"), "no local [alias/]");
  top_.write("alias/.qmail-root", "&owner\n");
  EXPECT_EQ(check("Root@here.test"), "yes local [alias/]");
  EXPECT_EQ(check("no-such-user-here@here.test"), "no local [alias/]");
  EXPECT_EQ(check("61971@here.test"), "no local [alias/]");
}

TEST_F(RecipientsTest, NamesThatNoFileCanHaveAreNobody) {
  EXPECT_EQ(check(std::string(300, 'x') + "@here.test"), "no local [alias/]");
  EXPECT_EQ(check("../../control/me@here.test"), "no local [alias/]");
  top_.make_folder("alias/.qmail-folder");
  EXPECT_EQ(check("folder@here.test"), "no local [alias/]");
}

TEST_F(RecipientsTest, OtherHostsNeedControlRemote) {
  EXPECT_EQ(check("x@away.test"), "elsewhere remote [away.test is in no list of local domains]");
  top_.write("control/remote", "pipe msmtp\n");
  EXPECT_EQ(check("x@away.test"), "yes remote [away.test is in no list of local domains]");
}

TEST_F(RecipientsTest, ADamagedTableIsAnErrorThatNamesItsLine) {
  top_.write("users/assign", "nonsense\n.\n");
  EXPECT_EQ(check("alice@here.test").substr(0, 27), "error: users/assign line 1:");
}

}  // namespace
}  // namespace porpoise
