#include "queue/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <sys/stat.h>

#include "posix/file.h"
#include "posix/test_calls.h"
#include "queue/schedule.h"
#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace test_calls = posix::test_calls;

class CheckTest : public ::testing::Test {
 protected:
  void SetUp() override { id_ = queue_.submit(); }

  // The lines of a run, each "path: what", with what was done behind " => ".
  std::vector<std::string> run(bool repair) {
    std::vector<std::string> lines;
    notes_.clear();
    result_ = check(queue_.instance(), repair, [&](const Finding& f) {
      if (f.end == Finding::End::note) return notes_.push_back(f.path + ": " + f.what);
      const char* mark = f.end == Finding::End::repaired ? " => " : " !! ";
      lines.push_back(f.path + ": " + f.what + mark + f.done);
    });
    return lines;
  }
  std::vector<std::string> look() { return run(false); }
  // Told without repair, and mended with it; then all is well.
  void expect(const std::string& path, const std::string& what, const std::string& done) {
    EXPECT_THAT(look(), ElementsAre(path + ": " + what + " !! "));
    EXPECT_THAT(run(true), ElementsAre(path + ": " + what + " => " + done));
    ASSERT_TRUE(result_);
    EXPECT_EQ(result_->found, 1u);
    EXPECT_EQ(result_->repaired, 1u);
    expect_clean();
  }
  void expect_clean() {
    EXPECT_THAT(run(true), IsEmpty());
    ASSERT_TRUE(result_) << result_.error().text;
    EXPECT_EQ(result_->found, 0u);
  }
  std::string incoming(const Id& id) { return "incoming/" + id.text(); }
  std::string deferred(const Id& id) { return "deferred/" + id.folder() + "/" + id.text(); }
  std::string path(const std::string& name) { return queue_.path() + "/queue/" + name; }
  Id defer(const Id& id) {
    EXPECT_TRUE(Spool::open(queue_.instance()).value().move_to_deferred(id));
    return id;
  }
  static Event event(Kind kind, const std::string& text) {
    Event e;
    e.kind = kind;
    e.wall_us = 5;
    e.recipients = {0};
    e.text = text;
    return e;
  }
  void append(const Id& id, const std::vector<Event>& events) {
    File file = Spool::open(queue_.instance()).value().open_file(id, File::Access::append).value();
    for (const Event& e : events) ASSERT_TRUE(file.append({e}) && file.sync());
  }
  State state(const Id& id) {
    return Spool::open(queue_.instance()).value().open_file(id, File::Access::read).value().state();
  }
  void change(const std::string& name, std::size_t at, char octet) {
    std::string text = queue_.text(name);
    text.at(at) = octet;
    queue_.write(name, text);
  }

  TestQueue queue_;
  Id id_;
  Result<CheckResult> result_;
  std::vector<std::string> notes_;
};

TEST_F(CheckTest, AQueueAsItShouldBeIsClean) {
  const Id waits = defer(queue_.submit());
  append(waits, {event(Kind::deferred, "full")});
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_EQ(result_->messages, 2u);
  EXPECT_EQ(result_->octets,
            queue_.text(incoming(id_)).size() + queue_.text(deferred(waits)).size());
  EXPECT_FALSE(result_->live);
  expect_clean();
}

TEST_F(CheckTest, MissingFoldersAreMade) {
  for (const std::string name : {"damaged", "deleted"}) {
    ASSERT_EQ(::rmdir(path(name).c_str()), 0);
    expect("queue/" + name, "there is no such folder", "made");
  }
}

TEST_F(CheckTest, AQueueWithoutItsMainFoldersIsMadeOne) {
  ASSERT_EQ(::rmdir(path("tmp").c_str()), 0);
  EXPECT_THAT(look(), ElementsAre("queue/tmp: there is no such folder !! "));
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().text, HasSubstr("queue/tmp is missing; --repair makes it"));
  ASSERT_EQ(::unlink(path(incoming(id_)).c_str()), 0);
  ASSERT_EQ(::rmdir(path("incoming").c_str()), 0);
  EXPECT_THAT(run(true), ElementsAre("queue/tmp: there is no such folder => made",
                                     "queue/incoming: there is no such folder => made"));
  expect_clean();
}

TEST_F(CheckTest, AFileWhereAFolderShouldBeStopsIt) {
  ASSERT_EQ(::rmdir(path("deferred").c_str()), 0);
  queue_.write("deferred", "hi");
  EXPECT_THAT(run(true), IsEmpty());
  ASSERT_FALSE(result_);
  EXPECT_THAT(result_.error().text, HasSubstr("queue/deferred is no folder"));
  EXPECT_EQ(queue_.text("deferred"), "hi");
}

TEST_F(CheckTest, ModesAreSet) {
  defer(id_);
  const std::string folder = "queue/deferred/" + id_.folder();
  ASSERT_EQ(::chmod(path("tmp").c_str(), 0755), 0);
  expect("queue/tmp", "mode 0755, should be 0700", "set");
  ASSERT_EQ(::chmod(path("deferred/" + id_.folder()).c_str(), 0750), 0);
  expect(folder, "mode 0750, should be 0700", "set");
  ASSERT_EQ(::chmod(path(deferred(id_)).c_str(), 0644), 0);
  expect(folder + "/" + id_.text(), "mode 0644, should be 0600", "set");
  ASSERT_EQ(::chmod(path("trigger").c_str(), 0622), 0);
  expect("queue/trigger", "mode 0622, should be 0600", "set");
  queue_.write("lock", "");
  ASSERT_EQ(::chmod(path("lock").c_str(), 0444), 0);
  expect("queue/lock", "mode 0444, should be 0600", "set");
}

TEST_F(CheckTest, TheTriggerIsMadeAnew) {
  ASSERT_EQ(::unlink(path("trigger").c_str()), 0);
  expect("queue/trigger", "there is no trigger", "made");
  ASSERT_EQ(::unlink(path("trigger").c_str()), 0);
  queue_.write("trigger", "a file");
  expect("queue/trigger", "a file, should be a FIFO", "set aside into queue/damaged, and made");
  EXPECT_EQ(queue_.text("damaged/trigger"), "a file");
}

TEST_F(CheckTest, AFolderInPlaceOfTheLockIsLeft) {
  ::unlink(path("lock").c_str());
  ASSERT_EQ(::mkdir(path("lock").c_str(), 0700), 0);
  EXPECT_THAT(look(), ElementsAre("queue/lock: a folder, should be a file !! "));
}

TEST_F(CheckTest, OldLeftoversOfTmpAreSweptAndYoungOnesAreSomebodys) {
  queue_.write("tmp/young", "a message on its way in");
  EXPECT_THAT(look(), IsEmpty());
  expect_clean();
  EXPECT_EQ(queue_.text("tmp/young"), "a message on its way in");
}

TEST_F(CheckTest, ADamagedScheduleIsRemoved) {
  queue_.write("schedule", "what is this");
  expect("queue/schedule", "damaged", "removed; send writes it anew");
  ASSERT_EQ(::symlink("/etc/passwd", path("schedule").c_str()), 0);
  expect("queue/schedule", "not a regular file", "set aside into queue/damaged");
}

TEST_F(CheckTest, AScheduleThatIsOldIsNoFinding) {
  const Spool spool = Spool::open(queue_.instance()).value();
  ScheduleWriter writer = ScheduleWriter::begin(spool.folder()).value();
  ASSERT_TRUE(writer.add({{Id::make(5, 5), 7}}));
  ASSERT_TRUE(std::move(writer).finish(5));
  EXPECT_THAT(look(), IsEmpty());
  queue_.write("schedule.draft", "half");
  expect("queue/schedule.draft", "a schedule that was not finished", "removed");
}

TEST_F(CheckTest, StraysAreSetAsideAndEmptyFoldersRemoved) {
  queue_.write("note.txt", "mine");
  expect("queue/note.txt", "a file that does not belong here", "set aside into queue/damaged");
  EXPECT_EQ(queue_.text("damaged/note.txt"), "mine");
  for (const std::string place : {"", "incoming/", "deferred/", "tmp/"}) {
    ASSERT_EQ(::mkdir(path(place + "folder").c_str(), 0700), 0);
    expect("queue/" + place + "folder", "a folder that does not belong here",
           "removed, being empty");
  }
  queue_.write("incoming/hello", "not mail");
  expect("queue/incoming/hello", "a file that does not belong here",
         "set aside into queue/damaged");
  ASSERT_EQ(::symlink("x", path(incoming(Id::make(7, 7))).c_str()), 0);
  expect("queue/" + incoming(Id::make(7, 7)), "a symbolic link that does not belong here",
         "set aside into queue/damaged");
  ASSERT_EQ(::mkfifo(path("deferred/pipe").c_str(), 0600), 0);
  expect("queue/deferred/pipe", "a special file that does not belong here",
         "set aside into queue/damaged");
}

TEST_F(CheckTest, AFolderWithSomethingInItIsLeft) {
  ASSERT_EQ(::mkdir(path("deferred/!!").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(path("deferred/!!/more").c_str(), 0700), 0);
  queue_.write("deferred/!!/more/x", "x");
  EXPECT_THAT(run(true), ElementsAre("queue/deferred/!!/more: a folder that does not belong here "
                                     "!! removing it: Directory not empty",
                                     "queue/deferred/!!: a folder that does not belong here "
                                     "!! removing it: Directory not empty"));
  EXPECT_EQ(queue_.text("deferred/!!/more/x"), "x");
}

TEST_F(CheckTest, AMessageUnderAWrongNameIsGivenItsOwn) {
  const std::string octets = queue_.text(incoming(id_));
  ASSERT_EQ(::rename(path(incoming(id_)).c_str(), path("incoming/copy of it").c_str()), 0);
  expect("queue/incoming/copy of it", "this is message " + id_.text() + ", under a wrong name",
         "put in its place");
  EXPECT_EQ(queue_.text(incoming(id_)), octets);
  defer(id_);
  ASSERT_EQ(::rename(path("deferred/" + id_.folder()).c_str(), path("deferred/zz").c_str()), 0);
  EXPECT_THAT(run(true), ElementsAre("queue/deferred/zz/" + id_.text() + ": this is message " +
                                     id_.text() + ", under a wrong name => put in its place"));
  EXPECT_EQ(queue_.text(deferred(id_)), octets);
  expect_clean();
}

TEST_F(CheckTest, ASecondCopyUnderAWrongNameIsSetAside) {
  queue_.write("incoming/copy", queue_.text(incoming(id_)));
  expect("queue/incoming/copy", "a file that does not belong here", "set aside into queue/damaged");
}

TEST_F(CheckTest, AHalfDoneMoveIsFinished) {
  defer(id_);
  ASSERT_EQ(::link(path(deferred(id_)).c_str(), path(incoming(id_)).c_str()), 0);
  expect("queue/" + incoming(id_), "half moved to deferred/", "moved");
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  EXPECT_EQ(state(id_).recipients.size(), 1u);
}

TEST_F(CheckTest, AMessagePutOffAndNotYetMovedIsMoved) {
  Event next = event(Kind::next, "");
  next.next_us = 99;
  append(id_, {next});
  expect("queue/" + incoming(id_), "has been put off, and belongs into deferred/", "moved");
  EXPECT_EQ(state(id_).next_us, 99);
}

TEST_F(CheckTest, OfTwoFilesOfOneIdTheOneThatKnowsMoreStays) {
  const std::string old = queue_.text(incoming(id_));
  append(id_, {event(Kind::deferred, "full")});
  defer(id_);
  queue_.write(incoming(id_), old);
  ASSERT_EQ(::chmod(path(incoming(id_)).c_str(), 0600), 0);
  expect("queue/" + incoming(id_), "another file of that id is in deferred/",
         "the new one is set aside into queue/damaged");
  EXPECT_EQ(state(id_).recipients[0].attempts, 1u);
  queue_.write(incoming(id_), queue_.text(deferred(id_)));
  ASSERT_EQ(::chmod(path(incoming(id_)).c_str(), 0600), 0);
  change(deferred(id_), 100, '!');
  EXPECT_THAT(run(true), ElementsAre("queue/" + incoming(id_) +
                                     ": another file of that id is in deferred/ => the waiting one "
                                     "is set aside into queue/damaged"));
  EXPECT_EQ(state(id_).recipients[0].attempts, 1u);
  expect_clean();
}

TEST_F(CheckTest, ATornTailIsCutOff) {
  const std::string whole = queue_.text(incoming(id_));
  queue_.write(incoming(id_), whole + "\xf5PQ\nZtorn");
  expect("queue/" + incoming(id_), "a torn record of 9 octets at its end", "cut off");
  EXPECT_EQ(queue_.text(incoming(id_)), whole);
}

TEST_F(CheckTest, AnotherNameOfAFileIsTakenFromIt) {
  const std::string elsewhere = queue_.folder().path("backup");
  ASSERT_EQ(::link(path(incoming(id_)).c_str(), elsewhere.c_str()), 0);
  expect("queue/" + incoming(id_), "has 2 names, of which this queue knows one", "written anew");
  EXPECT_EQ(state(id_).recipients.size(), 1u);
}

TEST_F(CheckTest, WhatWasToTakeAMessagesPlaceIsRemovedOrTakesIt) {
  const std::string name = incoming(id_) + ".anew";
  queue_.write(name, "half");
  expect("queue/" + name, "left from a message that was to be written anew", "removed");
  ASSERT_EQ(::rename(path(incoming(id_)).c_str(), path(name).c_str()), 0);
  expect("queue/" + name, "this is message " + id_.text() + ", under a wrong name",
         "put in its place");
}

TEST_F(CheckTest, ContentThatIsNotWhatWasAcceptedIsSetAside) {
  change(incoming(id_), 90, '!');
  const std::string octets = queue_.text(incoming(id_));
  expect("queue/" + incoming(id_), "damaged: its content is not what was accepted",
         "set aside into queue/damaged");
  EXPECT_EQ(queue_.text("damaged/" + id_.text()), octets);
}

TEST_F(CheckTest, ABadEnvelopeIsSetAside) {
  const std::string octets = queue_.text(incoming(id_));
  change(incoming(id_), octets.size() - 3, '!');
  EXPECT_THAT(run(true), ElementsAre(HasSubstr("bad envelope => set aside into queue/damaged")));
  expect_clean();
}

TEST_F(CheckTest, ABadHeaderIsWrittenAnewFromWhatTheEnvelopeProves) {
  const std::string before = queue_.text(incoming(id_));
  append(id_, {event(Kind::delivered, "ok")});
  for (const std::size_t at : {0u, 20u, 46u, 60u, 79u}) change(incoming(id_), at, '!');
  EXPECT_THAT(run(true),
              ElementsAre("queue/" + incoming(id_) +
                          ": damaged at octet 0: bad header => written anew with 1 records of its "
                          "log; the old file is in queue/damaged"));
  EXPECT_EQ(state(id_).recipients[0].status, State::Status::delivered);
  EXPECT_EQ(queue_.text(incoming(id_)).substr(80, before.size() - 80 - 140),
            before.substr(80, before.size() - 80 - 140));
  expect_clean();
}

TEST_F(CheckTest, OfADamagedLogWhatIsProvableStays) {
  const mail::Envelope two{.sender = "a@here.test",
                           .recipients = {{"b@here.test", {}}, {"c@here.test", {}}}};
  const Id id = defer(queue_.submit("Subject: two\n\nhello\n", two));
  const std::size_t log = queue_.text(deferred(id)).size();
  Event second = event(Kind::delivered, "second");
  second.recipients = {1};
  append(id, {event(Kind::delivered, "first"), second});
  change(deferred(id), log + 25, '!');  // the first record, which was synced before the second
  EXPECT_THAT(look(), ElementsAre(HasSubstr("a bad record, followed by a good one")));
  EXPECT_THAT(run(true), ElementsAre(HasSubstr("=> written anew with 1 records of its log")));
  // That the first was delivered is not provable any more: it is tried again.
  EXPECT_EQ(state(id).recipients[0].status, State::Status::waiting);
  EXPECT_EQ(state(id).recipients[1].status, State::Status::delivered);
  EXPECT_TRUE(queue_.names("damaged").contains(id.text()));
  expect_clean();
}

TEST_F(CheckTest, RepairWantsTheLockAndLookingDoesNot) {
  Spool other = Spool::open(queue_.instance()).value();
  ASSERT_TRUE(other.try_lock().value());
  EXPECT_THAT(look(), IsEmpty());
  ASSERT_TRUE(result_);
  EXPECT_TRUE(result_->live);
  run(true);
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().fate, Fate::temporary);
  EXPECT_THAT(result_.error().text, HasSubstr("send is running and has the queue's lock"));
}

TEST_F(CheckTest, WhatASendAtWorkIsAboutToPutRightIsNotTold) {
  const Id moving = queue_.submit();
  defer(moving);
  ASSERT_EQ(::link(path(deferred(moving)).c_str(), path(incoming(moving)).c_str()), 0);
  queue_.write(incoming(id_), queue_.text(incoming(id_)) + "torn");
  queue_.write(incoming(id_) + ".anew", "half");
  queue_.write("schedule.draft", "half");
  Spool other = Spool::open(queue_.instance()).value();
  ASSERT_TRUE(other.try_lock().value());
  EXPECT_THAT(look(), IsEmpty());
  change(incoming(id_), 90, '!');
  EXPECT_THAT(look(), ElementsAre(HasSubstr("its content is not what was accepted")));
}

TEST_F(CheckTest, WhatCannotBeReadNowIsNotTakenForDamage) {
  for (const char* where : {"header", "log"}) {
    const Id id = queue_.submit();
    append(id, {event(Kind::deferred, "one"), event(Kind::deferred, "two")});
    const std::size_t log = queue_.text(incoming(id)).find("\xf5PQ\nZ");
    change(incoming(id), where == std::string("header") ? 5 : log + 25, '!');
    int told = 0;
    for (int on = 1; on < 60; ++on) {
      test_calls::Scope calls;
      calls.fail("openat", EMFILE, on);
      for (const std::string& line : run(false)) told += line.find("Too many open") != line.npos;
    }
    EXPECT_GT(told, 0);
    for (int on = 20; on > 0; --on) {
      {
        test_calls::Scope calls;
        calls.fail("openat", EMFILE, on);
        run(true);
      }
      // As it was, or mended: never only put aside.
      EXPECT_TRUE(queue_.names("incoming").contains(id.text())) << where << on;
    }
    ASSERT_EQ(::unlink(path(incoming(id)).c_str()), 0);
  }
}

TEST_F(CheckTest, WhatCannotBeLookedAtNowIsNotTakenForNothing) {
  // Everything whose mending depends on what else is there.
  const Id moving = defer(queue_.submit());
  ASSERT_EQ(::link(path(deferred(moving)).c_str(), path(incoming(moving)).c_str()), 0);
  queue_.write(incoming(id_) + ".anew", "half");
  queue_.write("schedule", "what is this");
  int told = 0;
  for (int on = 1; on <= 40; ++on) {
    test_calls::Scope calls;
    calls.fail("fstatat", EIO, on);
    const std::vector<std::string> lines = run(false);
    if (calls.count("fstatat") < on) break;
    const auto failed = [](const std::string& l) { return l.find("output error") != l.npos; };
    EXPECT_TRUE(!result_ || std::ranges::any_of(lines, failed)) << "call " << on;
    ++told;
  }
  EXPECT_GT(told, 10);
  for (int on = 40; on > 0; --on) {
    test_calls::Scope calls;
    calls.fail("fstatat", EIO, on);
    run(true);
    EXPECT_THAT(queue_.names("damaged"), IsEmpty()) << "call " << on;
  }
  run(true);
  expect_clean();
  EXPECT_EQ(state(moving).recipients.size(), 1u);
  EXPECT_EQ(queue_.names("incoming"), std::set<std::string>{id_.text()});
}

TEST_F(CheckTest, ARepairThatFailsIsToldAndLeavesWhatWasThere) {
  change(incoming(id_), 90, '!');
  const std::string octets = queue_.text(incoming(id_));
  {
    test_calls::Scope calls;
    calls.fail("fsync", EIO);
    EXPECT_THAT(run(true), ElementsAre(HasSubstr("!! syncing queue/damaged: Input/output error")));
    EXPECT_EQ(result_->repaired, 0u);
  }
  EXPECT_EQ(queue_.text(incoming(id_)), octets);
}

TEST_F(CheckTest, WhatIsKeptForPeopleToLookAtIsNoted) {
  queue_.write("damaged/a", "x");
  queue_.write("damaged/b", "x");
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(notes_, ElementsAre("queue/damaged: 2 files"));
}

TEST_F(CheckTest, NamesAreToldPrintably) {
  queue_.write("incoming/bad\n\x1b[31mname", "x");
  EXPECT_THAT(look(), ElementsAre("queue/incoming/bad/?[31mname: a file that does not belong here "
                                  "!! "));
}

// ---- any damage at all

// Octets changed, cut and added at random, in any file of the queue: there is always a verdict, no
// file of a message is ever removed, what stays in the queue is as it was accepted, nobody is
// marked as done who was not, and after a repair all is well.
TEST(CheckQueue, AnyDamageIsSurvivedAndRepairedAtOnce) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    TestQueue queue;
    Spool spool = Spool::open(queue.instance()).value();
    std::map<Id, bool> messages;  // and whether its recipient was done
    std::map<Id, std::string> contents;
    for (int i = 0; i < 4; ++i) {
      const Id id = queue.submit(std::string(1 + below(6000), static_cast<char>('a' + i)) + "\n");
      File file = spool.open_file(id, File::Access::append).value();
      for (std::size_t n = below(4); n-- > 0;) {
        Event e;
        e.kind = n == 0 && below(2) == 0 ? Kind::delivered : Kind::deferred;
        e.recipients = {0};
        e.text = "because";
        messages[id] = messages[id] || e.kind == Kind::delivered;
        ASSERT_TRUE(file.append({e}) && file.sync());
      }
      contents[id] = queue.text("incoming/" + id.text()).substr(80, file.header().content_octets);
      messages.emplace(id, false);
      if (below(2) == 0) {
        ASSERT_TRUE(spool.move_to_deferred(id));
      }
    }
    const auto name_of = [&](const Id& id) {
      const bool is_new = queue.names("incoming").contains(id.text());
      return is_new ? "incoming/" + id.text() : "deferred/" + id.folder() + "/" + id.text();
    };
    for (const auto& [id, done] : messages) {
      std::string text = queue.text(name_of(id));
      for (std::size_t wounds = below(4); wounds-- > 0;) {
        const std::size_t tail = std::min<std::size_t>(text.size(), 400);
        const std::size_t at =
            below(2) == 0 ? below(text.size() + 1) : text.size() - below(tail + 1);
        if (below(8) == 0) {
          text.resize(at);
        } else if (below(8) == 0) {
          text.insert(at, text.substr(below(text.size() + 1), below(200)));
        } else if (at < text.size()) {
          text[at] = static_cast<char>(random());
        }
      }
      queue.write(name_of(id), text);
    }
    const Result<CheckResult> first = check(queue.instance(), true, [](const Finding&) {});
    ASSERT_TRUE(first) << seed;
    EXPECT_EQ(first->found, first->repaired) << seed;
    const Result<CheckResult> second = check(queue.instance(), true, [&](const Finding& f) {
      EXPECT_EQ(f.end, Finding::End::note) << seed << f.path << f.what;
    });
    ASSERT_TRUE(second) << seed;
    EXPECT_EQ(second->found, 0u) << seed;
    for (const auto& [id, done] : messages) {
      const Result<File> file = spool.open_file(id, File::Access::read);
      if (!file) {
        EXPECT_TRUE(queue.names("damaged").contains(id.text())) << seed;
        continue;
      }
      EXPECT_EQ(queue.text(name_of(id)).substr(80, file->header().content_octets), contents[id]);
      const bool is_done = file->state().recipients.at(0).status == State::Status::delivered;
      EXPECT_TRUE(done || !is_done) << seed;
    }
  }
}

}  // namespace
}  // namespace porpoise::queue
