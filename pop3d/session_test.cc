#include "pop3d/session.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::pop3d {
namespace {

/// A session and a caller that does its acts on messages of its own, and notes them.
class SessionTest : public testing::Test {
 protected:
  /// Messages with the given sizes; -1 is a size that must be counted (100), -2 one that is gone.
  void begin(std::vector<int> sizes, Limits limits = {}) {
    std::vector<Entry> entries;
    for (int size : sizes) {
      Entry& e = entries.emplace_back();
      e.uid = fmt::format("uid{}", entries.size());
      if (size >= 0) e.size = static_cast<std::uint64_t>(size);
    }
    sizes_ = std::move(sizes);
    session_.emplace(std::move(entries), limits);
  }

  /// What the client sees after `line`, CRLF as "|"; acts in "<>".
  std::string say(std::string_view line) { return carry_out(session_->command(line)); }

  std::string carry_out(Step step) {
    std::string seen;
    for (;;) {
      seen += step.text;
      switch (step.act) {
        case Act::reply:
          return shown(seen);
        case Act::close:
          return shown(seen + "<close>");
        case Act::more:
          step = session_->resume();
          break;
        case Act::measure:
          for (std::size_t n = step.first; n <= step.last; ++n) {
            if (!session_->needs_size(n)) continue;
            seen += fmt::format("<measure {}>", n);
            session_->learn(n,
                            sizes_[n - 1] == -2 ? std::nullopt : std::optional<std::uint64_t>(100));
          }
          step = session_->resume();
          break;
        case Act::open:
          step = session_->resume(opened_);
          break;
        case Act::send:
          seen += step.lines ? fmt::format("<message {} top {}>", step.first, *step.lines)
                             : fmt::format("<message {}>", step.first);
          step = session_->resume();
          break;
        case Act::commit:
          seen += "<commit";
          for (std::size_t n = 1; n <= sizes_.size(); ++n) {
            if (session_->entries()[n - 1].deleted) seen += fmt::format(" {}", n);
          }
          seen += ">";
          step = session_->resume(failures_ < 0 ? Outcome::trouble : Outcome::good,
                                  failures_ < 0 ? 0 : static_cast<std::size_t>(failures_));
          break;
      }
    }
  }

  static std::string shown(std::string text) {
    for (std::size_t at; (at = text.find("\r\n")) != std::string::npos;) text.replace(at, 2, "|");
    return text;
  }

  std::optional<Session> session_;
  std::vector<int> sizes_;
  Outcome opened_ = Outcome::good;
  int failures_ = 0;
};

TEST_F(SessionTest, TheGreetingCountsMessages) {
  begin({10, 20});
  EXPECT_EQ(session_->greeting(), "+OK 2 messages\r\n");
  begin({10});
  EXPECT_EQ(session_->greeting(), "+OK 1 message\r\n");
}

TEST_F(SessionTest, StatCountsWhatIsNotDeleted) {
  begin({120, 200});
  EXPECT_EQ(say("STAT"), "+OK 2 320|");
  say("DELE 1");
  EXPECT_EQ(say("STAT"), "+OK 1 200|");
  say("DELE 2");
  EXPECT_EQ(say("STAT"), "+OK 0 0|");
}

TEST_F(SessionTest, ListTellsOneOrAll) {
  begin({120, 200, 7});
  EXPECT_EQ(say("LIST"), "+OK|1 120|2 200|3 7|.|");
  EXPECT_EQ(say("LIST 2"), "+OK 2 200|");
  say("DELE 2");
  EXPECT_EQ(say("LIST"), "+OK|1 120|3 7|.|");
  EXPECT_EQ(say("LIST 2"), "-ERR this message is marked as deleted|");
}

TEST_F(SessionTest, UidlTellsOneOrAllWithoutLookingAtSizes) {
  begin({-1, -1});
  EXPECT_EQ(say("UIDL"), "+OK|1 uid1|2 uid2|.|");
  EXPECT_EQ(say("UIDL 2"), "+OK 2 uid2|");
  say("DELE 1");
  EXPECT_EQ(say("UIDL"), "+OK|2 uid2|.|");
  EXPECT_EQ(say("UIDL 1"), "-ERR this message is marked as deleted|");
}

TEST_F(SessionTest, AnEmptyMailboxIsAnEmptyList) {
  begin({});
  EXPECT_EQ(say("STAT"), "+OK 0 0|");
  EXPECT_EQ(say("LIST"), "+OK|.|");
  EXPECT_EQ(say("UIDL"), "+OK|.|");
  EXPECT_EQ(say("RETR 1"), "-ERR no such message|");
}

TEST_F(SessionTest, SizesThatNoNameTellsAreCountedOnce) {
  begin({-1, 50, -1});
  EXPECT_EQ(say("LIST 3"), "<measure 3>+OK 3 100|");
  EXPECT_EQ(say("STAT"), "<measure 1>+OK 3 250|");
  EXPECT_EQ(say("LIST"), "+OK|1 100|2 50|3 100|.|");
}

TEST_F(SessionTest, AMessageThatIsGoneLeavesTheListAndTheOthersKeepTheirNumbers) {
  begin({-2, 50, -2});
  EXPECT_EQ(say("STAT"), "<measure 1><measure 3>+OK 1 50|");
  EXPECT_EQ(say("LIST"), "+OK|2 50|.|");
  EXPECT_EQ(say("UIDL"), "+OK|2 uid2|.|");
  for (const char* line : {"LIST 1", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1"}) {
    EXPECT_EQ(say(line), "-ERR this message is no longer there or cannot be read|") << line;
  }
}

TEST_F(SessionTest, AMessageFoundGoneByItsOwnListLineIsAnError) {
  begin({-2});
  EXPECT_EQ(say("LIST 1"), "<measure 1>-ERR this message is no longer there or cannot be read|");
}

TEST_F(SessionTest, SizesThatCannotBeReadNowAreAnErrorAndNotASmallerMailbox) {
  begin({10, -1});
  for (const char* line : {"STAT", "LIST", "LIST 2"}) {
    EXPECT_EQ(session_->command(line).act, Act::measure) << line;
    EXPECT_EQ(carry_out(session_->resume(Outcome::trouble)),
              "-ERR [SYS/TEMP] the sizes of messages cannot be read now|");
  }
  EXPECT_EQ(say("UIDL"), "+OK|1 uid1|2 uid2|.|");
}

TEST_F(SessionTest, ALongListComesInParts) {
  begin(std::vector<int>(2500, 1));
  Step step = session_->command("LIST");
  int parts = 1;
  std::string text = step.text;
  while (step.act == Act::more) {
    step = session_->resume();
    text += step.text;
    ++parts;
  }
  EXPECT_EQ(parts, 3);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2502);
  EXPECT_TRUE(text.starts_with("+OK\r\n1 1\r\n2 1\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n2500 1\r\n.\r\n"));
}

TEST_F(SessionTest, RetrSendsTheWholeMessage) {
  begin({10, 20});
  EXPECT_EQ(say("RETR 2"), "+OK message follows|<message 2>");
  EXPECT_TRUE(session_->entries()[1].retrieved);
  EXPECT_FALSE(session_->entries()[0].retrieved);
}

TEST_F(SessionTest, RetrWithTwoArgumentsIsNoTop) {
  begin({10, 20});
  EXPECT_EQ(say("RETR 1 2"), "-ERR want one message number|");
  EXPECT_EQ(say("RETR"), "-ERR want one message number|");
}

TEST_F(SessionTest, AMessageThatCannotBeOpenedIsAnError) {
  begin({10, 20});
  opened_ = Outcome::trouble;
  EXPECT_EQ(say("RETR 1"), "-ERR [SYS/TEMP] this message cannot be read now|");
  opened_ = Outcome::gone;
  EXPECT_EQ(say("RETR 1"), "-ERR this message is no longer there or cannot be read|");
  EXPECT_EQ(say("STAT"), "+OK 1 20|");
}

TEST_F(SessionTest, TopTakesAMessageAndANumberOfLines) {
  begin({10});
  EXPECT_EQ(say("TOP 1 0"), "+OK message follows|<message 1 top 0>");
  EXPECT_EQ(say("TOP 1 99999999999999999999"),
            "+OK message follows|<message 1 top 18446744073709551615>");
  EXPECT_FALSE(session_->entries()[0].retrieved);
  EXPECT_EQ(say("TOP 1"), "-ERR want a message number and a number of lines|");
  EXPECT_EQ(say("TOP"), "-ERR want a message number and a number of lines|");
  EXPECT_EQ(say("TOP 1 2 3"), "-ERR want a message number and a number of lines|");
  EXPECT_EQ(say("TOP 1 -1"), "-ERR want a number of lines|");
  EXPECT_EQ(say("TOP 2 0"), "-ERR no such message|");
}

TEST_F(SessionTest, NumbersAreStrict) {
  begin({10, 20});
  for (const char* command : {"RETR", "DELE", "LIST", "UIDL"}) {
    for (const char* word : {"-1", "+1", "1.0", "1x", "0x1", "one", "01", "1,2"}) {
      EXPECT_EQ(say(fmt::format("{} {}", command, word)), "-ERR want a message number|") << word;
    }
    for (const char* word : {"0", "3", "2147483649", "4294967297", "18446744073709551617"}) {
      EXPECT_EQ(say(fmt::format("{} {}", command, word)), "-ERR no such message|") << word;
    }
  }
  EXPECT_EQ(say("STAT"), "+OK 2 30|");
}

TEST_F(SessionTest, DeleMarksOnceAndSetsLast) {
  begin({10, 20, 30});
  EXPECT_EQ(say("LAST"), "+OK 0|");
  EXPECT_EQ(say("DELE 2"), "+OK message 2 is marked as deleted|");
  EXPECT_EQ(say("DELE 2"), "-ERR this message is marked as deleted|");
  EXPECT_EQ(say("RETR 2"), "-ERR this message is marked as deleted|");
  EXPECT_EQ(say("TOP 2 0"), "-ERR this message is marked as deleted|");
  EXPECT_EQ(say("LAST"), "+OK 2|");
  say("DELE 1");
  say("RETR 3");
  EXPECT_EQ(say("LAST"), "+OK 2|");
  EXPECT_EQ(say("DELE"), "-ERR want one message number|");
  EXPECT_EQ(say("DELE 1 3"), "-ERR want one message number|");
}

TEST_F(SessionTest, RsetClearsMarksAndLast) {
  begin({10, 20});
  say("DELE 1");
  say("DELE 2");
  EXPECT_EQ(say("RSET"), "+OK nothing is marked as deleted|");
  EXPECT_EQ(say("STAT"), "+OK 2 30|");
  EXPECT_EQ(say("LAST"), "+OK 0|");
  EXPECT_EQ(say("QUIT"), "<commit>+OK bye|<close>");
}

TEST_F(SessionTest, QuitRemovesWhatIsMarked) {
  begin({10, 20, 30});
  say("DELE 1");
  say("DELE 3");
  EXPECT_EQ(say("QUIT"), "<commit 1 3>+OK bye|<close>");
}

TEST_F(SessionTest, QuitTellsWhatCouldNotBeRemoved) {
  begin({10, 20, 30});
  say("DELE 1");
  say("DELE 3");
  failures_ = 1;
  EXPECT_EQ(say("QUIT"),
            "<commit 1 3>-ERR [SYS/TEMP] 1 of 2 deleted messages could not be removed|<close>");
}

TEST_F(SessionTest, QuitTellsThatARemovalMayNotLast) {
  begin({10});
  say("DELE 1");
  failures_ = -1;
  EXPECT_EQ(say("QUIT"),
            "<commit 1>-ERR [SYS/TEMP] the removal of deleted messages could not be made durable|"
            "<close>");
}

TEST_F(SessionTest, VerbsAreTakenInAnyCaseAndSpacesForgiven) {
  begin({10});
  EXPECT_EQ(say("noop"), "+OK|");
  EXPECT_EQ(say("sTaT "), "+OK 1 10|");
  EXPECT_EQ(say("list  1 "), "+OK 1 10|");
}

TEST_F(SessionTest, ArgumentsWhereNoneBelongAreErrors) {
  begin({10});
  for (const char* line : {"STAT x", "NOOP 1", "RSET 1", "LAST 1", "CAPA x", "QUIT now"}) {
    EXPECT_EQ(say(line), "-ERR this command has no argument|") << line;
  }
  EXPECT_EQ(say("LIST 1 1"), "-ERR want at most one message number|");
  EXPECT_EQ(say("UIDL 1 1"), "-ERR want at most one message number|");
}

TEST_F(SessionTest, WhatIsNoCommandHereIsAnError) {
  begin({10});
  for (const char* line : {"", " ", "XYZZY", "STLS", "AUTH PLAIN", "UTF8", "RETR\t1", "\xff"}) {
    EXPECT_EQ(say(line), "-ERR unknown command|") << line;
  }
  for (const char* line : {"USER alice", "PASS secret", "APOP alice 0"}) {
    EXPECT_EQ(say(line), "-ERR already logged in|") << line;
  }
  EXPECT_EQ(carry_out(session_->line_too_long()), "-ERR line too long|");
}

TEST_F(SessionTest, CapaIsWhatThereIs) {
  begin({});
  EXPECT_EQ(say("CAPA"),
            "+OK capability list follows|TOP|USER|UIDL|RESP-CODES|AUTH-RESP-CODE|PIPELINING|"
            "EXPIRE NEVER|IMPLEMENTATION Porpoise|.|");
}

TEST_F(SessionTest, TooManyBadCommandsEndTheSessionWithoutRemovingAnything) {
  Limits limits;
  limits.bad_commands = 3;
  begin({10}, limits);
  say("DELE 1");
  EXPECT_EQ(say("X"), "-ERR unknown command|");
  EXPECT_EQ(say("RETR 7"), "-ERR no such message|");
  EXPECT_EQ(carry_out(session_->line_too_long()), "-ERR line too long|");
  EXPECT_EQ(say("RETR x"), "-ERR too many bad commands|<close>");
}

}  // namespace
}  // namespace porpoise::pop3d
