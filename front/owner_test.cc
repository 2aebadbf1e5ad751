// Who owns a new instance, and what its host is called.

#include "front/owner.h"

#include <gtest/gtest.h>

namespace porpoise::front {
namespace {

// alice (1001) and root; "123" is the name of somebody with another uid.
PasswordFile two_users() {
  const auto find = [](auto matches) -> PasswordFile::Answer {
    for (const Owner& owner : {Owner{"root", 0, 0, "/root"}, Owner{"alice", 1001, 100, "/home/a"},
                               Owner{"123", 1002, 1002, "/home/123"}}) {
      if (matches(owner)) return std::optional(owner);
    }
    return std::optional<Owner>();
  };
  return {
      .by_name = [=](const std::string& n) { return find([&](auto& o) { return o.name == n; }); },
      .by_uid = [=](uid_t uid) { return find([&](auto& o) { return o.uid == uid; }); }};
}

/// The owner's line, or "error: ...".
std::string found(const OwnerWish& wish, const PasswordFile& passwords = two_users()) {
  const Result<Owner> owner = find_owner(wish, passwords);
  return owner ? owner->line() : "error: " + owner.error().text;
}

OwnerWish caller(uid_t uid) {
  return {.user = {},
          .name = {},
          .home = {},
          .caller_uid = uid,
          .caller_gid = uid,
          .caller_home = "/env/home"};
}
OwnerWish root_for(const std::string& user) {
  OwnerWish wish = caller(0);
  wish.user = user;
  return wish;
}

TEST(Owner, IsWhatThePasswordFileSays) {
  EXPECT_EQ(found(caller(1001)), "alice:1001:1001:/home/a");
}

TEST(Owner, WithoutAnEntryIsTheDecimalUidAndHome) {
  EXPECT_EQ(found(caller(4711)), "4711:4711:4711:/env/home");
}

TEST(Owner, NameAndHomeMayBeGiven) {
  OwnerWish wish = caller(1001);
  wish.name = "al";
  wish.home = "/srv/al:x";
  EXPECT_EQ(found(wish), "al:1001:1001:/srv/al:x");
}

TEST(Owner, MayNameThemselves) {
  OwnerWish wish = caller(1001);
  wish.user = "alice";
  EXPECT_EQ(found(wish), "alice:1001:1001:/home/a");
  wish.user = "1001";
  EXPECT_EQ(found(wish), "alice:1001:1001:/home/a");
}

TEST(Owner, RootNamesAUser) {
  EXPECT_EQ(found(root_for("alice")), "alice:1001:100:/home/a");
  EXPECT_EQ(found(root_for("1001")), "alice:1001:100:/home/a");
}

TEST(Owner, ANameOfDigitsComesBeforeTheUid) {
  EXPECT_EQ(found(root_for("123")), "123:1002:1002:/home/123");
}

TEST(Owner, RootsHomeIsNotTheirs) {
  EXPECT_EQ(found(root_for("4711")),
            "error: uid 4711 has no home in the password file: give one with --home");
  OwnerWish wish = root_for("4711");
  wish.home = "/srv/mail";
  EXPECT_EQ(found(wish), "4711:4711:4711:/srv/mail");
}

TEST(Owner, RootAloneIsRefused) {
  EXPECT_EQ(found(caller(0)),
            "error: nothing is delivered as root: porpoise init --system makes an instance for all "
            "users, porpoise init --owner USER one for USER");
  EXPECT_EQ(found(root_for("root")), "error: --owner root: nothing is ever delivered as root");
  EXPECT_EQ(found(root_for("0")), "error: --owner 0: nothing is ever delivered as root");
}

TEST(Owner, AnUnknownUserIsRefused) {
  for (const char* user : {"nobody-here", "", "-1", "4294967295", "99999999999", "12x", " 12"}) {
    EXPECT_EQ(found(root_for(user)), fmt::format("error: --owner {}: no such user", user));
  }
}

TEST(Owner, SomebodyElseIsRefused) {
  OwnerWish wish = caller(1002);
  wish.user = "alice";
  EXPECT_EQ(found(wish), "error: --owner alice: only root makes an instance for somebody else");
}

TEST(Owner, ANameThatCannotBeInAnAddressIsRefused) {
  for (const std::string name :
       {"", "a b", "a:b", "a/b", "a@b", "a\nb", "-a", ".a", "a\"b", "&a", "a,b"}) {
    OwnerWish wish = caller(1001);
    wish.name = name;
    EXPECT_EQ(found(wish), fmt::format("error: \"{}\" cannot be a local name: give another with "
                                       "--name",
                                       name));
  }
  OwnerWish wish = caller(1001);
  wish.name = std::string(64, 'x');
  EXPECT_TRUE(find_owner(wish, two_users()));
  wish.name = std::string(65, 'x');
  EXPECT_FALSE(find_owner(wish, two_users()));
}

TEST(Owner, AHomeThatIsNoAbsolutePathIsRefused) {
  OwnerWish wish = caller(1001);
  wish.home = "home";
  EXPECT_EQ(found(wish), "error: home home: want an absolute path on one line");
  wish.home = "";
  EXPECT_EQ(found(wish), "error: uid 1001 has no home in the password file: give one with --home");
  wish.home = "/a\nb";
  EXPECT_EQ(found(wish), "error: home /a\nb: want an absolute path on one line");
}

TEST(Owner, APasswordFileThatCannotBeReadIsTold) {
  PasswordFile broken = two_users();
  broken.by_uid = [](uid_t) -> PasswordFile::Answer { return temporary("no answer"); };
  EXPECT_EQ(found(caller(1001), broken), "error: no answer");
}

TEST(Owner, TheRealPasswordFileKnowsRoot) {
  const PasswordFile::Answer by_uid = PasswordFile::real().by_uid(0);
  ASSERT_TRUE(by_uid && *by_uid);
  EXPECT_EQ((*by_uid)->name, "root");
  const PasswordFile::Answer none = PasswordFile::real().by_name("no such user");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST(HostName, WithADotStaysInLowerCase) {
  EXPECT_EQ(full_host_name("Mail.Example.ORG", ""), "mail.example.org");
  EXPECT_EQ(full_host_name("mail.example.org.", ""), "mail.example.org");
}

TEST(HostName, WithoutADotIsTheFullOneOfTheHostsFile) {
  EXPECT_EQ(full_host_name("box", "127.0.0.1 localhost\n127.0.1.1\tBox.example.org box\n"),
            "box.example.org");
  EXPECT_EQ(full_host_name("box", "10.0.0.1 other box.example.org"), "box.example.org");
}

TEST(HostName, OfAnotherHostOrACommentIsNotTaken) {
  for (const char* hosts :
       {"", "127.0.1.1 boxer.example.org", "# 1.1.1.1 box.example.org", "127.0.1.1 box",
        "127.0.1.1 mybox.example.org", "127.0.1.1 box.", "127.0.1.1 box..org"}) {
    EXPECT_EQ(full_host_name("box", hosts), "box.localdomain") << hosts;
  }
}

TEST(HostName, IsAlwaysAValidName) {
  EXPECT_EQ(full_host_name("", ""), "localhost.localdomain");
  EXPECT_EQ(full_host_name("...", ""), "localhost.localdomain");
  EXPECT_EQ(full_host_name("my box!", ""), "my-box.localdomain");
  EXPECT_EQ(full_host_name("-a..b-", ""), "a.b");
  EXPECT_EQ(full_host_name("caf\xc3\xa9", ""), "caf.localdomain");
}

TEST(HostName, IsChecked) {
  for (const std::string good : {"a", "a.b", "mx.here.test", "a-b.test", "1.2"}) {
    EXPECT_TRUE(check_host_name(good)) << good;
  }
  for (const std::string bad :
       {"", ".", "a.", ".a", "a..b", "a b", "a@b", "a/b", "a_b", "caf\xc3\xa9"}) {
    EXPECT_FALSE(check_host_name(bad)) << bad;
  }
  EXPECT_TRUE(check_host_name(std::string(63, 'a') + ".b"));
  EXPECT_FALSE(check_host_name(std::string(64, 'a') + ".b"));
  EXPECT_EQ(check_host_name("a b").error().text, "\"a b\" is no host name");
}

}  // namespace
}  // namespace porpoise::front
