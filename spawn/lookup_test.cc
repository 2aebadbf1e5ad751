#include "spawn/lookup.h"

#include <gtest/gtest.h>

namespace porpoise::spawn {
namespace {

using namespace std::string_literals;

const Identities kIdentities{.queue = {"porpoise", 71, 171},
                             .network = {"porpoise-net", 72, 172},
                             .alias = {"porpoise-alias", 73, 173}};

Account account(std::string user, uid_t uid, std::vector<gid_t> groups) {
  Account a;
  a.user = std::move(user);
  a.uid = uid;
  a.gid = uid + 100;
  a.home = "/home/" + a.user;
  a.groups = std::move(groups);
  return a;
}

// "user:uid:gid:home:dash:ext groups|...", or the error.
std::string meaning(std::string_view local_part, std::string_view answer) {
  Result<std::vector<Account>> accounts = decode_answer(kIdentities, local_part, answer);
  if (!accounts) {
    EXPECT_EQ(accounts.error().fate, Fate::temporary);
    return "error: " + accounts.error().text;
  }
  std::string shown;
  for (const Account& a : *accounts) {
    shown += fmt::format("{}:{}:{}:{}:{}:{} {}|", a.user, a.uid, a.gid, a.home, a.dash, a.ext,
                         fmt::join(a.groups, ","));
  }
  return shown;
}

constexpr const char* kSenseless = "error: the look-up of an account failed (#4.3.0)";

TEST(Answer, SaysTheAccountsInTheirOrder) {
  const std::string answer =
      encode_answer(std::vector{account("a-b", 500, {7, 8}), account("a", 501, {})});
  EXPECT_EQ(meaning("A-b-C", answer), "a-b:500:600:/home/a-b:-:C 7,8|a:501:601:/home/a:-:b-C |");
}

TEST(Answer, NobodyIsAnAnswer) {
  EXPECT_EQ(encode_answer(std::vector<Account>()), "K.");
  EXPECT_EQ(meaning("joe", "K."), "");
}

TEST(Answer, AFailureIsSaidInItsWords) {
  EXPECT_EQ(meaning("joe", encode_answer(temporary("looking up user joe: Input/output error"))),
            "error: looking up user joe: Input/output error");
  EXPECT_EQ(meaning("joe", "Z" + std::string(5000, 'x')), "error: " + std::string(500, 'x'));
}

TEST(Answer, ThatIsNotCompleteIsNone) {
  const std::string whole = encode_answer(std::vector{account("joe", 500, {7})});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(meaning("joe", whole.substr(0, length)), kSenseless) << length;
  }
}

TEST(Answer, WithoutSenseIsNone) {
  for (const std::string& answer :
       {"x"s, "joe"s, "Kjoe."s, "Kjoe\0."s, "Kjoe\0\0\0\0\0."s, "Kjoe\0-1\0007\0/h\0\0."s,
        "Kjoe\0005x\0007\0/h\0\0."s, "Kjoe\0005\0004294967296\0/h\0\0."s,
        "Kjoe\0005\0007\0/h\0x\0."s, "Kjoe\0005\0007\0/h\0007,,8\0."s,
        "Kjoe\0005\0007\0/h\0\0joe\0."s}) {
    EXPECT_EQ(meaning("joe", answer), kSenseless) << answer;
  }
}

TEST(Answer, IsNotBelievedAboutRootOrSomebodyElse) {
  EXPECT_EQ(meaning("joe", "Kjoe\0000\0007\0/root\0\0."s), "");
  EXPECT_EQ(meaning("joe", "Kjoe\0005\0000\0/root\0\0."s), "");
  EXPECT_EQ(meaning("joe", "Kjoe\00071\0007\0/queue\0\0."s), "");
  EXPECT_EQ(meaning("joe", "Kbob\0005\0007\0/home/bob\0\0."s), "");
  EXPECT_EQ(meaning("joe", "Kjoe\0005\0007\0../home\0\0."s), "");
  EXPECT_EQ(meaning("joe", "Kjoe\0005\0007\0/h\0000,8\0."s), "joe:5:7:/h:: 8|");
}

TEST(Answer, WithMoreGroupsThanAnybodyHasIsNone) {
  std::vector<gid_t> groups(1025, 9);
  EXPECT_EQ(meaning("joe", encode_answer(std::vector{account("joe", 5, groups)})), kSenseless);
}

TEST(RecentAnswersTest, AreKnownForAMoment) {
  RecentAnswers recent;
  EXPECT_EQ(recent.find("joe", 0), nullptr);
  recent.keep("joe", {account("joe", 500, {})}, 1000);
  recent.keep("nobody", {}, 1000);
  const std::int64_t end = 1000 + RecentAnswers::kFreshUs;
  ASSERT_NE(recent.find("joe", end - 1), nullptr);
  EXPECT_EQ(recent.find("joe", end - 1)->at(0).uid, 500u);
  EXPECT_TRUE(recent.find("nobody", end - 1)->empty());
  EXPECT_EQ(recent.find("joe", end), nullptr);
  EXPECT_EQ(recent.find("Joe", 1000), nullptr);
}

TEST(RecentAnswersTest, ANewerOneCounts) {
  RecentAnswers recent;
  recent.keep("joe", {account("joe", 500, {})}, 0);
  recent.keep("joe", {account("joe", 501, {})}, 10);
  EXPECT_EQ(recent.find("joe", 20)->at(0).uid, 501u);
}

TEST(RecentAnswersTest, AreBounded) {
  RecentAnswers recent;
  for (std::size_t i = 0; i < RecentAnswers::kMost; ++i) recent.keep(fmt::format("{}", i), {}, 0);
  ASSERT_NE(recent.find("7", 1), nullptr);
  recent.keep("one more", {}, 1);  // nothing is old: all go
  EXPECT_EQ(recent.find("7", 1), nullptr);
  EXPECT_NE(recent.find("one more", 1), nullptr);
  for (std::size_t i = 1; i < RecentAnswers::kMost; ++i) recent.keep(fmt::format("{}", i), {}, 0);
  recent.keep("newer", {}, RecentAnswers::kFreshUs);  // what is old goes, and no more
  EXPECT_NE(recent.find("one more", RecentAnswers::kFreshUs), nullptr);
}

}  // namespace
}  // namespace porpoise::spawn
