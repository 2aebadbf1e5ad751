#include "front/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace porpoise::front {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A password file in memory, and what was asked of it.
class Accounts : public testing::Test {
 protected:
  std::string found() {
    const PasswordFile passwords{
        .by_name = [this](const std::string& name) -> PasswordFile::Answer {
          if (broken) return temporary("looking up {} in the password file: I/O error", name);
          const auto at = entries.find(name);
          if (at == entries.end()) return std::optional<Owner>();
          return std::optional(Owner{name, at->second.first, at->second.second, "/"});
        },
        .by_uid = [](uid_t) -> PasswordFile::Answer { return std::optional<Owner>(); }};
    const Result<Identities> all = find_or_add_accounts(
        passwords,
        [this](const std::string& name) -> Result<> {
          added.push_back(name);
          if (!adds) return permanent("account {}: useradd: exit code 10", name);
          if (!forgets) entries[name] = {next_uid, next_uid};
          ++next_uid;
          return {};
        },
        [this](const std::string& line) { told.push_back(line); });
    return all ? all->text() : "error: " + all.error().text;
  }

  std::map<std::string, std::pair<uid_t, gid_t>> entries;
  std::vector<std::string> added, told;
  uid_t next_uid = 990;
  bool adds = true, forgets = false, broken = false;
};

TEST_F(Accounts, ThatAreThereAreUsed) {
  entries = {
      {"porpoise", {101, 201}}, {"porpoise-net", {102, 202}}, {"porpoise-alias", {103, 202}}};
  EXPECT_EQ(found(),
            "queue:porpoise:101:201\nnetwork:porpoise-net:102:202\nalias:porpoise-alias:103:202\n");
  EXPECT_THAT(added, IsEmpty());
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(Accounts, ThatAreMissingAreMadeAndTold) {
  entries = {{"porpoise-net", {102, 102}}};
  EXPECT_EQ(found(),
            "queue:porpoise:990:990\nnetwork:porpoise-net:102:102\nalias:porpoise-alias:991:991\n");
  EXPECT_THAT(added, ElementsAre("porpoise", "porpoise-alias"));
  EXPECT_THAT(told, ElementsAre("account porpoise (uid 990)", "account porpoise-alias (uid 991)"));
}

TEST_F(Accounts, ThatCannotBeMadeAreAnError) {
  adds = false;
  EXPECT_EQ(found(), "error: account porpoise: useradd: exit code 10");
  adds = true;
  forgets = true;
  EXPECT_EQ(found(), "error: account porpoise: it was made, and is not in the password file");
}

TEST_F(Accounts, AreNeverRoots) {
  entries = {{"porpoise", {0, 5}}};
  EXPECT_EQ(found(), "error: account porpoise: it must be neither root nor of root's group");
  entries = {{"porpoise", {5, 0}}};
  EXPECT_EQ(found(), "error: account porpoise: it must be neither root nor of root's group");
}

TEST_F(Accounts, AreThreeDifferentOnes) {
  entries = {
      {"porpoise", {101, 101}}, {"porpoise-net", {102, 102}}, {"porpoise-alias", {101, 103}}};
  EXPECT_EQ(found(), "error: control/system: two of its accounts have the same uid");
}

TEST_F(Accounts, APasswordFileThatCannotBeReadIsNotAMissingAccount) {
  broken = true;
  EXPECT_EQ(found(), "error: looking up porpoise in the password file: I/O error");
  EXPECT_THAT(added, IsEmpty());
}

}  // namespace
}  // namespace porpoise::front
