#include "spawn/plan.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "spawn/account_table.h"

namespace porpoise::spawn {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

// A folder that is enough of an instance for its accounts.
class Plan : public testing::Test {
 protected:
  Plan() {
    std::string name = (fs::temp_directory_path() / "spawn-test-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    for (const char* folder : {"control", "users", "alias"}) fs::create_directory(top_ / folder);
    put("control/me", "here.test\n");
    put("control/owner", "owner:500:500:/home/owner\n");
    put("users/assign",
        "=alice:alice:500:500:/home/alice:::\n"
        "+alice-:alice:500:500:/home/alice:-::\n"
        "=toor:root:0:0:/root:::\n"
        "=other:other:501:501:/home/other:::\n.\n");
  }
  ~Plan() override { fs::remove_all(top_); }

  void put(const char* name, const char* text) { std::ofstream(top_ / name) << text; }

  // "local|--|alice|...", or "K error text"
  std::string plan(const std::string& recipient) {
    const Instance instance = *Instance::open(top_);
    const Accounts accounts = *Accounts::load(instance);
    const StartDelivery start{1, "s@x.test", recipient, ""};
    Result<std::string> local_part = local_part_of(start);
    if (!local_part) return shown(failed(local_part));
    const Account account = accounts.find(*local_part);
    Result<> allowed = require_deliverable(account, instance, 500);
    if (!allowed) return shown(failed(allowed));
    return shown(arguments_for(start, account, "./Maildir/"));
  }

  std::string shown(const Result<std::vector<std::string>>& arguments) {
    if (!arguments) {
      const char letter = arguments.error().fate == Fate::permanent ? 'D' : 'Z';
      return fmt::format("{} {}", letter, arguments.error().text);
    }
    std::string line;
    for (const std::string& argument : *arguments) line += argument + "|";
    std::size_t at = line.find(top_.string());
    if (at != std::string::npos) line.replace(at, top_.string().size(), "TOP");
    return line;
  }

  fs::path top_;
};

TEST_F(Plan, GivesLocalItsEightOperands) {
  EXPECT_EQ(plan("alice@here.test"),
            "local|--|alice|/home/alice|alice|||here.test|s@x.test|./Maildir/|");
  EXPECT_EQ(plan("Alice-List-X@Here.Test"),
            "local|--|alice|/home/alice|Alice-List-X|-|List-X|Here.Test|s@x.test|./Maildir/|");
}

TEST_F(Plan, OtherNamesGoToAlias) {
  EXPECT_EQ(plan("nobody@here.test"),
            "local|--|owner|TOP/alias|nobody|-|nobody|here.test|s@x.test|./Maildir/|");
}

TEST_F(Plan, TheDomainFollowsTheLastAt) {
  EXPECT_EQ(plan("a@b@c"), "local|--|owner|TOP/alias|a@b|-|a@b|c|s@x.test|./Maildir/|");
}

TEST_F(Plan, AnAddressThatLooksLikeAnOptionIsNone) {
  EXPECT_EQ(plan("-n@here.test"),
            "local|--|owner|TOP/alias|-n|-|-n|here.test|s@x.test|./Maildir/|");
}

TEST_F(Plan, NobodyIsNoMailbox) {
  EXPECT_EQ(plan("@here.test"), "D sorry, no mailbox here by that name (#5.1.1)");
  EXPECT_EQ(plan("alice"), "D the address has no domain (#5.1.3)");
  EXPECT_EQ(plan(""), "D the address has no domain (#5.1.3)");
}

TEST_F(Plan, NothingIsDeliveredAsRoot) {
  EXPECT_EQ(plan("toor@here.test"), "Z users/assign line 3: nothing is delivered as root (#4.7.0)");
}

TEST_F(Plan, NothingIsDeliveredAsSomebodyElse) {
  EXPECT_EQ(plan("other@here.test"),
            "Z users/assign line 4: user other has uid 501, but this instance delivers as uid 500 "
            "only (#4.3.0)");
}

TEST_F(Plan, AChangedTableIsSeen) {
  const Instance instance = *Instance::open(top_);
  AccountTable table(instance);
  const auto home_of_alice = [&] { return (*table.current())->find("alice").home; };
  EXPECT_EQ(home_of_alice(), "/home/alice");
  put("users/assign", "=alice:alice:500:500:/home/elsewhere:::\n.\n");
  EXPECT_EQ(home_of_alice(), "/home/elsewhere");
  fs::remove(top_ / "users/assign");
  EXPECT_EQ(home_of_alice(), top_.string() + "/alias");
  put("control/owner", "alice:500:500:/home/own\n");
  EXPECT_EQ(home_of_alice(), "/home/own");
}

TEST_F(Plan, ADamagedTableIsAnErrorUntilItIsMended) {
  const Instance instance = *Instance::open(top_);
  AccountTable table(instance);
  put("users/assign", "=alice:alice\n.\n");
  Result<const Accounts*> accounts = table.current();
  ASSERT_FALSE(accounts);
  EXPECT_EQ(accounts.error().text,
            "users/assign line 1: want =name:user:uid:gid:/home:dash:ext: or "
            "+prefix:user:uid:gid:/home:dash:pre:");
  put("users/assign", "=alice:alice:500:500:/home/alice:::\n.\n");
  EXPECT_TRUE(table.current());
}

TEST(Letter, FollowsTheTable) {
  std::string later;
  for (int code = 0; code <= 255; ++code) {
    const char letter = letter_of({.code = code});
    if (letter == 'Z') later += fmt::format("{} ", code);
    EXPECT_EQ(letter == 'K', code == 0) << code;
  }
  EXPECT_EQ(later, "71 74 75 111 ");
  EXPECT_EQ(letter_of({.code = 0, .signal = 11}), 'Z');
}

TEST(ReportText, IsCutAtItsLimitAndSaysSo) {
  ReportText text;
  for (int i = 0; i < 300; ++i) text.add("0123456789");
  EXPECT_EQ(text.text().size(), kMaxReportOctets);
  EXPECT_EQ(text.text().find("longer"), std::string::npos);
  text.add("x");
  EXPECT_EQ(text.text().size(), kMaxReportOctets);
  EXPECT_TRUE(text.text().ends_with("\n(the report was longer)\n"));
  const std::string before = text.text();
  text.add("more");
  EXPECT_EQ(text.text(), before);
}

TEST(NoteReader, TheNewestWholeNoteCounts) {
  NoteReader reader;
  EXPECT_FALSE(reader.feed("on"));
  EXPECT_EQ(reader.last(), "");
  EXPECT_TRUE(reader.feed("e\0two\0thr"s));
  EXPECT_EQ(reader.last(), "two");
  EXPECT_TRUE(reader.feed("ee\0"s));
  EXPECT_EQ(reader.last(), "three");
}

TEST(NoteReader, ALongNoteIsPassedOver) {
  NoteReader reader;
  EXPECT_TRUE(reader.feed(std::string(kMaxNoteOctets, 'a') + '\0'));
  EXPECT_EQ(reader.last().size(), kMaxNoteOctets);
  EXPECT_FALSE(reader.feed(std::string(kMaxNoteOctets + 1, 'b') + '\0'));
  EXPECT_EQ(reader.last().front(), 'a');
  EXPECT_TRUE(reader.feed("c\0"s));
  EXPECT_EQ(reader.last(), "c");
}

}  // namespace
}  // namespace porpoise::spawn
