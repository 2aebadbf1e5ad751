#include "instance/password_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/test_folder.h"

namespace porpoise {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Identities kIdentities{.queue = {"porpoise", 71, 171},
                             .network = {"porpoise-net", 72, 172},
                             .alias = {"porpoise-alias", 73, 173}};

// "name:uid:gid:home:dash:ext groups", or "none"
std::string account(PasswordEntry entry, std::string_view local_part) {
  const std::optional<Account> a = password_account(kIdentities, std::move(entry), local_part);
  if (!a) return "none";
  EXPECT_EQ(a->rule, "the password file");
  EXPECT_TRUE(a->needs_home);
  return fmt::format("{}:{}:{}:{}:{}:{} {}", a->user, a->uid, a->gid, a->home, a->dash, a->ext,
                     fmt::join(a->groups, ","));
}

PasswordEntry joe() {
  return {.name = "joe", .uid = 500, .gid = 501, .home = "/home/joe", .groups = {7, 8}};
}

TEST(UserNames, TheLongestIsTriedFirst) {
  EXPECT_THAT(user_names("a-b-c"), ElementsAre("a-b-c", "a-b", "a"));
  EXPECT_THAT(user_names("joe"), ElementsAre("joe"));
}

TEST(UserNames, AreInLowerCase) {
  EXPECT_THAT(user_names("Joe-List"), ElementsAre("joe-list", "joe"));
}

TEST(UserNames, EachHyphenIsABreak) {
  EXPECT_THAT(user_names("a--b"), ElementsAre("a--b", "a-", "a"));
  EXPECT_THAT(user_names("a-"), ElementsAre("a-", "a"));
}

TEST(UserNames, LongOnesAreNotAskedForButTheirBeginningIs) {
  const std::string long_name(31, 'x');
  EXPECT_THAT(user_names(long_name), ElementsAre(long_name));
  EXPECT_THAT(user_names(long_name + "x"), IsEmpty());
  EXPECT_THAT(user_names("joe-" + std::string(100'000, 'x')), ElementsAre("joe"));
}

TEST(UserNames, WhatNobodyIsCalledIsNotAskedFor) {
  for (const char* name : {"", "-", "-x", "+", "+joe", "a b", "a\tb", "a\nb", "a:b", "../../etc",
                           "/etc/passwd", "a/b", "a\x7f"}) {
    EXPECT_THAT(user_names(name), IsEmpty()) << name;
  }
  EXPECT_THAT(user_names("joe-../x"), ElementsAre("joe"));
  EXPECT_THAT(user_names("a@b"), ElementsAre("a@b"));
}

TEST(PasswordAccount, TheWholeNameHasNoExtension) {
  EXPECT_EQ(account(joe(), "joe"), "joe:500:501:/home/joe:: 7,8");
  EXPECT_EQ(account(joe(), "JOE"), "joe:500:501:/home/joe:: 7,8");
}

TEST(PasswordAccount, TheRestIsTheExtensionInItsCase) {
  EXPECT_EQ(account(joe(), "Joe-List-X"), "joe:500:501:/home/joe:-:List-X 7,8");
  EXPECT_EQ(account(joe(), "joe-"), "joe:500:501:/home/joe:-: 7,8");
}

TEST(PasswordAccount, ANameThatWasNotAskedForIsNone) {
  EXPECT_EQ(account(joe(), "bob"), "none");
  EXPECT_EQ(account(joe(), "joex"), "none");
  EXPECT_EQ(account(joe(), "jo"), "none");
  EXPECT_EQ(account(joe(), ""), "none");
}

TEST(PasswordAccount, RootGetsNone) {
  PasswordEntry toor = joe();
  toor.uid = 0;
  EXPECT_EQ(account(toor, "joe"), "none");
}

TEST(PasswordAccount, NorDoesRootsGroup) {
  PasswordEntry wheel = joe();
  wheel.gid = 0;
  EXPECT_EQ(account(wheel, "joe"), "none");
  PasswordEntry member = joe();
  member.groups = {0, 7};
  EXPECT_EQ(account(member, "joe"), "joe:500:501:/home/joe:: 7");
}

TEST(PasswordAccount, NumbersThatMeanNobodyAreNone) {
  PasswordEntry entry = joe();
  entry.uid = UINT32_MAX;
  EXPECT_EQ(account(entry, "joe"), "none");
  entry = joe();
  entry.gid = UINT32_MAX;
  EXPECT_EQ(account(entry, "joe"), "none");
}

TEST(PasswordAccount, PartsOfTheMailSystemGetNoneButAlias) {
  PasswordEntry entry = joe();
  entry.uid = kIdentities.queue.uid;
  EXPECT_EQ(account(entry, "joe"), "none");
  entry.uid = kIdentities.network.uid;
  EXPECT_EQ(account(entry, "joe"), "none");
  entry.uid = kIdentities.alias.uid;
  EXPECT_EQ(account(entry, "joe"), "joe:73:501:/home/joe:: 7,8");
}

TEST(PasswordAccount, AHomeThatIsNoPathIsNone) {
  PasswordEntry entry = joe();
  for (const char* home : {"", "home", "~"}) {
    entry.home = home;
    EXPECT_EQ(account(entry, "joe"), "none") << home;
  }
}

TEST(PasswordEntryTest, RootIsThere) {
  const Result<std::optional<PasswordEntry>> root = password_entry("root");
  ASSERT_TRUE(root) << root.error().text;
  ASSERT_TRUE(*root);
  EXPECT_EQ((*root)->uid, 0u);
  EXPECT_THAT((*root)->groups, IsEmpty());
}

TEST(PasswordEntryTest, NobodyByThatNameIsNoError) {
  const Result<std::optional<PasswordEntry>> entry = password_entry("no-such-user-here");
  ASSERT_TRUE(entry) << entry.error().text;
  EXPECT_FALSE(*entry);
}

class Home : public testing::Test {
 protected:
  std::string home(const std::string& path, uid_t uid) {
    Account account;
    account.uid = uid;
    account.home = path;
    account.needs_home = true;
    const Result<bool> has = has_home(account);
    if (has) return *has ? "yes" : "no";
    EXPECT_EQ(has.error().fate, Fate::temporary);
    return has.error().text;
  }
  posix::TestFolder top_;
};

TEST_F(Home, IsItsOwn) {
  EXPECT_EQ(home(top_.path(), ::geteuid()), "yes");
  EXPECT_EQ(home(top_.path(), ::geteuid() + 1), "no");
}

TEST_F(Home, ThatIsNotThereIsNone) {
  EXPECT_EQ(home(top_.path("gone"), ::geteuid()), "no");
  top_.write("file", "");
  EXPECT_EQ(home(top_.path("file/home"), ::geteuid()), "no");
}

TEST_F(Home, ThatCannotBeLookedAtIsNotNone) {
  ASSERT_EQ(::symlink("loop", top_.path("loop").c_str()), 0);
  EXPECT_EQ(
      home(top_.path("loop"), ::geteuid()),
      "looking at home " + top_.path("loop") + ": Too many levels of symbolic links (#4.3.0)");
}

TEST_F(Home, IsNotLookedAtWhereATableSaysIt) {
  Account account;
  account.home = top_.path("gone");
  EXPECT_TRUE(*has_home(account));
}

}  // namespace
}  // namespace porpoise
