#include "pop3d/mailbox.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <thread>

#include "pop3d/serve.h"
#include "posix/file.h"

namespace porpoise::pop3d {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

TEST(UniqueId, IsTheBaseNameWhereThatIsValid) {
  EXPECT_EQ(unique_id("1700000000.M1P2.host,S=1,W=2"), "1700000000.M1P2.host,S=1,W=2");
  EXPECT_EQ(unique_id(std::string(70, 'x')), std::string(70, 'x'));
}

TEST(UniqueId, IsAlwaysValid) {
  for (const std::string& base :
       {""s, "a b"s, "\xc3\xa9"s, "a\tb"s, "\x7f"s, std::string(71, 'x'), std::string(255, 'y')}) {
    const std::string uid = unique_id(base);
    EXPECT_EQ(uid.size(), 33u) << base;
    EXPECT_TRUE(std::ranges::all_of(uid, [](char c) { return c >= 0x21 && c <= 0x7e; })) << uid;
  }
}

TEST(UniqueId, IsUnlikeEveryOther) {
  const std::string x(70, 'x');
  std::vector<std::string> uids = {
      unique_id("a"),     unique_id("a", 1),  unique_id("a", 2),
      unique_id("a b"),   unique_id("a  b"),  unique_id(x),
      unique_id(x + "1"), unique_id(x + "2"), unique_id(unique_id("a b")),
      unique_id("a b", 1)};
  std::ranges::sort(uids);
  EXPECT_EQ(std::ranges::adjacent_find(uids), uids.end());
}

class MailboxTest : public testing::Test {
 protected:
  MailboxTest() {
    char name[] = "/tmp/mailbox_test.XXXXXX";
    top_ = ::mkdtemp(name);
    for (const char* part : {"tmp", "new", "cur"}) fs::create_directory(top_ / part);
  }
  ~MailboxTest() override { fs::remove_all(top_); }

  void put(const std::string& name, const std::string& text) { std::ofstream(top_ / name) << text; }
  std::string files() const {
    std::vector<std::string> names;
    for (const char* part : {"new", "cur"}) {
      for (const auto& entry : fs::directory_iterator(top_ / part)) {
        names.push_back(fmt::format("{}/{}", part, entry.path().filename().string()));
      }
    }
    std::ranges::sort(names);
    return fmt::format("{}", fmt::join(names, " "));
  }

  /// A whole session: `input` in one write, then the end of the connection; gives all that came
  /// back after the greeting.
  std::string session(const std::string& input, Limits limits = {}) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    posix::UniqueFd ours(ends[0]), theirs(ends[1]);
    std::thread server([&] {
      run_pop3d(top_.string(), theirs.get(), theirs.get(), limits);
      theirs.reset();
    });
    EXPECT_TRUE(posix::write_all(ours.get(), input, "the session"));
    EXPECT_EQ(::shutdown(ours.get(), SHUT_WR), 0);
    Result<std::string> output = posix::read_to_end(ours.get(), 1 << 24, "the session");
    server.join();
    EXPECT_TRUE(output);
    return output->substr(output->find('\n') + 1);
  }

  fs::path top_;
};

TEST_F(MailboxTest, RetrIsExactToTheOctet) {
  const struct {
    std::string stored, sent;
  } cases[] = {
      {"A: b\n\nx\n", "A: b\r\n\r\nx\r\n"},
      {"A: b\n\nno end", "A: b\r\n\r\nno end\r\n"},
      {"A: b\n\n.\n..\n.x\n", "A: b\r\n\r\n..\r\n...\r\n..x\r\n"},
      {"A: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n"},
      {"A: b\n\n\n\n", "A: b\r\n\r\n\r\n\r\n"},
      {"A\0b\rc\n\n\xff\n"s, "A\0b\rc\r\n\r\n\xff\r\n"s},
      {"x\r", "x\r\r\n"},
      {"", ""},
  };
  for (const auto& c : cases) {
    put("new/1.a", c.stored);
    EXPECT_EQ(session("RETR 1\r\n"), "+OK message follows\r\n" + c.sent + ".\r\n") << c.stored;
  }
}

TEST_F(MailboxTest, ListTellsTheOctetsThatRetrSendsBeforeStuffing) {
  put("new/1.a", "A: b\n\n.dot\nno end");
  EXPECT_EQ(session("LIST 1\r\nSTAT\r\n"), "+OK 1 22\r\n+OK 1 22\r\n");
}

TEST_F(MailboxTest, ASizeInAWrongNameIsMendedByRetr) {
  put("new/1.M1P2Q3R0123456789abcdef.h,S=1,W=9", "abc\n");
  EXPECT_EQ(session("LIST 1\r\nRETR 1\r\nLIST 1\r\n"),
            "+OK 1 9\r\n+OK message follows\r\nabc\r\n.\r\n+OK 1 5\r\n");
}

TEST_F(MailboxTest, ALargeMessageIsTheSameInEveryPiece) {
  std::string stored = "A: b\n\n", sent = "A: b\r\n\r\n";
  for (int i = 0; i < 60000; ++i) {
    stored += fmt::format(".{}\n", i);
    sent += fmt::format("..{}\r\n", i);
  }
  put("new/1.a", stored);
  EXPECT_TRUE(session("RETR 1\r\n") == "+OK message follows\r\n" + sent + ".\r\n");
}

TEST_F(MailboxTest, TopIsHeaderBlankLineAndSoManyLines) {
  put("new/1.a", "A: b\n\none\n.two\nthree\n");
  EXPECT_EQ(session("TOP 1 0\r\n"), "+OK message follows\r\nA: b\r\n\r\n.\r\n");
  EXPECT_EQ(session("TOP 1 2\r\n"), "+OK message follows\r\nA: b\r\n\r\none\r\n..two\r\n.\r\n");
  EXPECT_EQ(session("TOP 1 9\r\n").substr(3), session("RETR 1\r\n").substr(3));
}

TEST_F(MailboxTest, QuitRemovesMarkedMessagesAndMovesOnlyRetrievedOnes) {
  for (const char* name : {"new/1.a", "new/2.b", "new/3.c", "cur/4.d:2,S"}) put(name, "x\n");
  session("DELE 1\r\nRETR 2\r\nTOP 3 0\r\nDELE 4\r\nQUIT\r\n");
  EXPECT_EQ(files(), "cur/2.b:2, new/3.c");
}

TEST_F(MailboxTest, WithoutQuitNothingChanges) {
  put("new/1.a", "x\n");
  put("new/2.b", "x\n");
  session("DELE 1\r\nRETR 2\r\n");
  session("DELE 1\r\nQUIT");
  EXPECT_EQ(files(), "new/1.a new/2.b");
}

TEST_F(MailboxTest, AMessageMarkedAndRenamedByAnotherProgramIsRemoved) {
  put("new/1.a", "x\n");
  Result<Mailbox> mailbox = Mailbox::open(top_.string());
  ASSERT_TRUE(mailbox);
  std::vector<Entry> entries = mailbox->entries();
  entries[0].deleted = true;
  fs::rename(top_ / "new/1.a", top_ / "cur/1.a:2,S");
  EXPECT_EQ(mailbox->commit(entries).failures, 0u);
  EXPECT_EQ(files(), "");
}

TEST_F(MailboxTest, WhatCannotBeRemovedIsCounted) {
  fs::create_directory(top_ / "new/1.folder");
  put("new/2.b", "x\n");
  EXPECT_EQ(session("DELE 1\r\nDELE 2\r\nQUIT\r\n")
                .substr(2 * "+OK message 1 is marked as deleted\r\n"s.size()),
            "-ERR [SYS/TEMP] 1 of 2 deleted messages could not be removed\r\n");
  EXPECT_EQ(files(), "new/1.folder");
}

TEST_F(MailboxTest, ASecondSessionIsRefusedUntilTheFirstEnds) {
  {
    Result<Mailbox> first = Mailbox::open(top_.string());
    ASSERT_TRUE(first);
    Result<Mailbox> second = Mailbox::open(top_.string());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().sys, EBUSY);
  }
  EXPECT_TRUE(Mailbox::open(top_.string()));
}

TEST_F(MailboxTest, FilesThatShareABaseNameHaveDifferentIds) {
  put("new/1.a", "one\n");
  put("cur/1.a:2,", "two\n");
  Result<Mailbox> mailbox = Mailbox::open(top_.string());
  ASSERT_TRUE(mailbox);
  const std::vector<Entry> entries = mailbox->entries();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_NE(entries[0].uid, entries[1].uid);
}

TEST_F(MailboxTest, AClientThatTakesTooLongIsLeftAndNothingChanges) {
  put("new/1.a", "x\n");
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  posix::UniqueFd ours(ends[0]), theirs(ends[1]);
  ASSERT_TRUE(posix::write_all(ours.get(), "DELE 1\r\nQUI", "the session"));
  Limits limits;
  limits.idle = std::chrono::seconds(1);
  run_pop3d(top_.string(), theirs.get(), theirs.get(), limits);
  theirs.reset();
  EXPECT_EQ(*posix::read_to_end(ours.get(), 1000, "the session"),
            "+OK 1 message\r\n+OK message 1 is marked as deleted\r\n");
  EXPECT_EQ(files(), "new/1.a");
}

}  // namespace
}  // namespace porpoise::pop3d
