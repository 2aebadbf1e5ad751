#include "pop3d/passwd.h"

#include <crypt.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pop3d/checkpassword.h"

namespace porpoise::pop3d {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// A cheap hash of "secret", so that tests need not wait for yescrypt.
constexpr const char* kSecret = "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1";

constexpr const char* kFile =
    "# people\n"
    "alice:HASH1\n"
    "bob:HASH2:more:fields\n"
    "alice:SECOND\n"
    "\n"
    "nocolon\n"
    ":empty\n"
    "carl:";

TEST(Passwd, TheFirstLineOfANameCounts) {
  EXPECT_EQ(hash_in(kFile, "alice"), "HASH1");
  EXPECT_EQ(hash_in(kFile, "bob"), "HASH2");
  EXPECT_EQ(hash_in(kFile, "ALICE"), "HASH1");
}

TEST(Passwd, NobodyElseHasAHash) {
  for (const char* name :
       {"", "ali", "alice:HASH1", "nocolon", "# people", "carl", "dora", "HASH1"}) {
    EXPECT_EQ(hash_in(kFile, name), "") << name;
  }
  EXPECT_EQ(hash_in("", "alice"), "");
}

TEST(Passwd, AHashIsReplacedInItsPlace) {
  EXPECT_EQ(with_hash("a:1\nb:2:x\nc:3\n", "b", "new"), "a:1\nb:new:x\nc:3\n");
  EXPECT_EQ(with_hash("a:1\nb:2", "b", "new"), "a:1\nb:new");
  EXPECT_EQ(with_hash("a:1\nb:\nc:3:\n", "B", "new"), "a:1\nb:new\nc:3:\n");
}

TEST(Passwd, ANewNameComesLast) {
  EXPECT_EQ(with_hash("", "a", "1"), "a:1\n");
  EXPECT_EQ(with_hash("a:1\n", "b", "2"), "a:1\nb:2\n");
  EXPECT_EQ(with_hash("a:1", "b", "2"), "a:1\nb:2\n");
}

TEST(Matches, KnowsTheMethodsOfCrypt) {
  EXPECT_TRUE(matches("secret", kSecret));
  EXPECT_FALSE(matches("Secret", kSecret));
  EXPECT_FALSE(matches("", kSecret));
}

TEST(Matches, WhatIsNoHashMatchesNothing) {
  for (const char* hash :
       {"", "*", "*0", "*1", "!", "x", "secret", "$y$", "$y$j9T$", "$99$abc$def", ":"}) {
    for (const char* password : {"", "secret", "*0", "*1", "x"}) {
      EXPECT_FALSE(matches(password, hash)) << hash << " " << password;
    }
  }
}

TEST(NewHash, IsYescryptAndNeverTheSame) {
  Result<std::string> one = new_hash("secret"), two = new_hash("secret");
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(one->starts_with("$y$j9T$")) << *one;
  EXPECT_NE(*one, *two);
  EXPECT_TRUE(matches("secret", *one));
  EXPECT_FALSE(matches("secreT", *one));
}

TEST(NobodysHash, CostsWhatANewHashCosts) {
  struct crypt_data data{};
  const std::string result = ::crypt_rn("x", kNobodysHash, &data, sizeof data);
  EXPECT_TRUE(result.starts_with("$y$j9T$0123456789abcdefghijk0$")) << result;
  EXPECT_EQ(result.size(), std::string_view(kNobodysHash).size());
  EXPECT_EQ(new_hash("x")->substr(0, 7), std::string_view(kNobodysHash).substr(0, 7));
}

class PasswdFile : public testing::Test {
 protected:
  PasswdFile() {
    char name[] = "/tmp/passwd_test.XXXXXX";
    top_ = ::mkdtemp(name);
    const Owner owner{"owner", ::geteuid(), ::getegid(), top_.string()};
    EXPECT_TRUE(Instance::create(path(), owner, "mx.here.test", [](const std::string&) {}));
    write("users/assign",
          fmt::format("=alice:alice:{}:{}:/home/alice:::\n.\n", owner.uid, owner.gid));
    instance_.emplace(std::move(*Instance::open(path())));
  }
  ~PasswdFile() override { fs::remove_all(top_); }

  std::string path() const { return (top_ / "instance").string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(fs::path(path()) / name) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(fs::path(path()) / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string error_of(std::string_view name, std::string_view password) const {
    Result<> done = set_password(*instance_, name, password);
    return done ? "none" : done.error().text;
  }

  fs::path top_;
  std::optional<Instance> instance_;
};

TEST_F(PasswdFile, APasswordThatWasSetIsRight) {
  EXPECT_EQ(error_of("alice", "a b "), "none");
  EXPECT_EQ(error_of("owner", "other"), "none");
  EXPECT_TRUE(*verify_password(*instance_, "alice", "a b "));
  EXPECT_TRUE(*verify_password(*instance_, "Alice", "a b "));
  EXPECT_FALSE(*verify_password(*instance_, "alice", "a b"));
  EXPECT_FALSE(*verify_password(*instance_, "alice", "other"));
  EXPECT_FALSE(*verify_password(*instance_, "nobody", "other"));
}

TEST_F(PasswdFile, IsReadableByItsOwnerOnly) {
  EXPECT_EQ(error_of("alice", "x"), "none");
  struct stat st;
  ASSERT_EQ(::stat((path() + "/users/passwd").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
}

TEST_F(PasswdFile, WithoutTheFileNobodyIsLetIn) {
  EXPECT_FALSE(*verify_password(*instance_, "alice", "secret"));
}

TEST_F(PasswdFile, SettingKeepsTheOtherLines) {
  write("users/passwd", "# by hand\nbob:HASH:x\n");
  EXPECT_EQ(error_of("alice", "x"), "none");
  EXPECT_TRUE(read("users/passwd").starts_with("# by hand\nbob:HASH:x\nalice:$y$"));
}

TEST_F(PasswdFile, OnlyWhoCouldLogInGetsAPassword) {
  EXPECT_EQ(
      error_of("nobody", "x"),
      fmt::format("instance {} has no local name nobody to log in with (it is neither the owner "
                  "nor an exact line of users/assign)",
                  path()));
  for (const std::string& name : {""s, "a:b"s, "#a"s, "a\nb"s, "a\0b"s}) {
    EXPECT_EQ(error_of(name, "x"), fmt::format("\"{}\" cannot be a name to log in with", name));
  }
  EXPECT_EQ(read("users/passwd"), "");
}

TEST_F(PasswdFile, APasswordThatNobodyCouldTypeIsRefused) {
  const std::string text = "a password has 1 to 248 octets, none of them NUL, CR or LF";
  for (const std::string& password : {""s, "a\nb"s, "a\rb"s, "a\0b"s, std::string(249, 'x')}) {
    EXPECT_EQ(error_of("alice", password), text);
  }
  EXPECT_EQ(error_of("alice", std::string(248, 'x')), "none");
  EXPECT_TRUE(*verify_password(*instance_, "alice", std::string(248, 'x')));
}

std::string parsed(const std::string& octets) {
  const auto record = parse_login_record(octets);
  return record ? fmt::format("{}|{}", record->name, record->secret) : "none";
}

TEST(LoginRecord, WhatFollowsTheStampIsReserved) {
  EXPECT_EQ(parsed("joe\0my pass\0<1.2@h>\0"s), "joe|my pass");
  EXPECT_EQ(parsed("joe\0my pass\0<1.2@h>\0more\0and more"s), "joe|my pass");
  EXPECT_EQ(parsed("\0\0\0"s), "|");
}

TEST(LoginRecord, AnythingShorterIsNone) {
  for (const std::string& octets :
       {""s, "joe"s, "joe\0"s, "joe\0pass"s, "joe\0pass\0"s, "joe\0pass\0stamp"s}) {
    EXPECT_EQ(parsed(octets), "none");
  }
}

}  // namespace
}  // namespace porpoise::pop3d
