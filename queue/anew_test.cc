#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "posix/file.h"
#include "posix/test_calls.h"
#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace test_calls = posix::test_calls;

class AnewTest : public ::testing::Test {
 protected:
  static Event deferred(const std::string& text, std::uint32_t recipient = 0) {
    Event event;
    event.kind = Kind::deferred;
    event.wall_us = 5;
    event.recipients = {recipient};
    event.text = text;
    return event;
  }
  File open(const Id& id, File::Access access = File::Access::append) {
    return spool_.open_file(id, access).value();
  }
  std::vector<std::string> texts(const Id& id) {
    std::vector<std::string> list;
    const File file = open(id, File::Access::read);
    for (const Event& event : file.events()) list.push_back(event.text);
    return list;
  }
  // A file whose last record could not be synced.
  File doubtful(const Id& id) {
    File file = open(id);
    EXPECT_TRUE(file.append({deferred("one")}));
    EXPECT_TRUE(file.sync());
    EXPECT_TRUE(file.append({deferred("two")}));
    test_calls::Scope calls;
    calls.fail("fsync", EIO);
    EXPECT_FALSE(file.sync());
    return file;
  }
  std::string path(const Id& id) { return queue_.path() + "/queue/incoming/" + id.text(); }
  std::string octets(const Id& id) { return queue_.text("incoming/" + id.text()); }
  void make_rotten(const Id& id, std::size_t at, std::size_t count) {
    const posix::UniqueFd fd = posix::open_at(posix::kHere, path(id), O_WRONLY).value();
    ASSERT_TRUE(posix::write_at(fd.get(), std::string(count, '\0'), static_cast<off_t>(at), "it"));
  }
  void expect_only(const Id& id) {
    EXPECT_THAT(queue_.names("incoming"), ElementsAre(id.text()));
    EXPECT_THAT(queue_.names("tmp"), IsEmpty());
  }

  TestQueue queue_;
  Spool spool_ = Spool::open(queue_.instance()).value();
};

TEST_F(AnewTest, AMessageWrittenAnewSaysTheSameAndMore) {
  const Id id = queue_.submit();
  File old = doubtful(id);
  const std::string before = octets(id).substr(Header::kOctets, old.header().content_octets);
  const Result<File> anew = spool_.write_anew(old, {deferred("three")});
  ASSERT_TRUE(anew) << anew.error().text;
  EXPECT_THAT(texts(id), ElementsAre("one", "two", "three"));
  const File file = open(id, File::Access::read);
  EXPECT_EQ(file.header().generation, 1);
  EXPECT_EQ(file.state().recipients[0].attempts, 3u);
  EXPECT_EQ(anew->state().recipients[0].attempts, 3u);
  EXPECT_EQ(file.meta().envelope.sender, "a@here.test");
  EXPECT_EQ(octets(id).substr(Header::kOctets, before.size()), before);
  expect_only(id);
}

TEST_F(AnewTest, WhatIsReturnedCanBeAppendedToAndReadBack) {
  const Id id = queue_.submit();
  File old = doubtful(id);
  Result<File> anew = spool_.write_anew(old, {});
  ASSERT_TRUE(anew);
  ASSERT_TRUE(anew->append({deferred("three")}));
  ASSERT_TRUE(anew->sync());
  EXPECT_THAT(texts(id), ElementsAre("one", "two", "three"));
  File again = doubtful(id);  // and once more
  ASSERT_TRUE(spool_.write_anew(again, {}));
  EXPECT_EQ(open(id, File::Access::read).header().generation, 2);
  EXPECT_THAT(texts(id), ElementsAre("one", "two", "three", "one", "two"));
}

TEST_F(AnewTest, WhatTheKernelHasForgottenIsWrittenFromMemory) {
  const Id id = queue_.submit();
  const std::size_t log = octets(id).size();
  File old = doubtful(id);
  make_rotten(id, log, octets(id).size() - log);
  ASSERT_TRUE(spool_.write_anew(old, {}));
  EXPECT_THAT(texts(id), ElementsAre("one", "two"));
}

TEST_F(AnewTest, RecordsOfALaterVersionAreKept) {
  const Id id = queue_.submit();
  std::string text = octets(id);
  const std::string payload = std::string("zfuture") + '\0';
  text += encode({.kind = static_cast<Kind>('x'), .sequence = 1, .payload = payload}, id, 0,
                 text.size());
  queue_.write("incoming/" + id.text(), text);
  File old = doubtful(id);
  ASSERT_TRUE(spool_.write_anew(old, {}));
  EXPECT_THAT(texts(id), ElementsAre("one", "two"));
  EXPECT_THAT(octets(id), HasSubstr("zfuture"));
}

TEST_F(AnewTest, ContentThatIsNotWhatWasAcceptedIsDamageAndTheFileStays) {
  const Id id = queue_.submit();
  File old = doubtful(id);
  make_rotten(id, Header::kOctets + 3, 1);
  const std::string before = octets(id);
  const Result<File> anew = spool_.write_anew(old, {});
  ASSERT_FALSE(anew);
  EXPECT_EQ(anew.error().sys, EBADMSG);
  EXPECT_EQ(octets(id), before);
  expect_only(id);
}

// The message is there under its name, as it was or as it is to be, whichever call fails, and the
// next try brings all of it.
TEST_F(AnewTest, AfterAnyFailureTheMessageIsThereAndTheNextTryGoesThrough) {
  const std::vector<std::pair<const char*, int>> failures = {
      {"tmpfile", ENOSPC}, {"write", ENOSPC}, {"fsync", EIO},
      {"linkat", ENOSPC},  {"renameat", EIO}, {"openat", EMFILE}};
  for (const auto& [call, err] : failures) {
    for (int on = 1; on <= 3; ++on) {
      const Id id = queue_.submit();
      File old = doubtful(id);
      {
        test_calls::Scope calls;
        calls.fail(call, err, on);
        const Result<File> anew = spool_.write_anew(old, {});
        if (calls.count(call) >= on) {
          EXPECT_FALSE(anew) << call << on;
        }
      }
      EXPECT_THAT(texts(id), ElementsAre("one", "two")) << call << on;
      EXPECT_TRUE(spool_.write_anew(old, {})) << call << on;
      EXPECT_THAT(texts(id), ElementsAre("one", "two")) << call << on;
      expect_only(id);
      ASSERT_TRUE(spool_.remove(id, Place::incoming));
    }
  }
}

TEST_F(AnewTest, ASecondTryHasAGenerationOfItsOwn) {
  const Id id = queue_.submit();
  File old = doubtful(id);
  {
    test_calls::Scope calls;
    calls.fail("fsync", EIO, 3);  // of the folder, after the rename
    EXPECT_FALSE(spool_.write_anew(old, {}));
  }
  ASSERT_TRUE(spool_.write_anew(old, {}));
  EXPECT_EQ(open(id, File::Access::read).header().generation, 2);
}

TEST_F(AnewTest, TheFileAndItsNameAreSyncedBeforeItTakesThePlace) {
  const Id id = queue_.submit();
  File old = doubtful(id);
  test_calls::Scope calls;
  ASSERT_TRUE(spool_.write_anew(old, {}));
  std::vector<std::string> order;
  for (const std::string& call : calls.log) {
    if (call == "fsync" || call == "linkat" || call == "renameat") order.push_back(call);
  }
  EXPECT_THAT(order, ElementsAre("fsync", "linkat", "fsync", "renameat", "fsync"));
}

TEST_F(AnewTest, AHalfDoneMoveIsFinishedFirstAndItsOldNameSyncedAway) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(id));
  const std::string waits = queue_.path() + "/queue/deferred/" + id.folder() + "/" + id.text();
  ASSERT_EQ(::link(waits.c_str(), path(id).c_str()), 0);
  File old = doubtful(id);
  ASSERT_TRUE(spool_.write_anew(old, {}));
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  EXPECT_THAT(queue_.names("deferred/" + id.folder()), ElementsAre(id.text()));
  EXPECT_THAT(texts(id), ElementsAre("one", "two"));
}

TEST_F(AnewTest, WhereItsNamesCannotBeToldNothingIsReplaced) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(id));
  const std::string waits = queue_.path() + "/queue/deferred/" + id.folder() + "/" + id.text();
  ASSERT_EQ(::link(waits.c_str(), path(id).c_str()), 0);
  File old = doubtful(id);
  for (const int on : {1, 2}) {
    test_calls::Scope calls;
    calls.fail("fstatat", EIO, on);
    const Result<File> anew = spool_.write_anew(old, {});
    ASSERT_FALSE(anew) << on;
    EXPECT_EQ(anew.error().text, "looking at it: Input/output error");
    struct stat st;
    ASSERT_EQ(::stat(waits.c_str(), &st), 0);
    EXPECT_EQ(st.st_nlink, 2u) << "both names are still one file's";
  }
  ASSERT_TRUE(spool_.write_anew(old, {}));
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
}

TEST_F(AnewTest, AWaitingMessageIsReplacedOnlyWhenIncomingHasLetGoOfIt) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(id));
  File old = doubtful(id);
  {
    test_calls::Scope calls;
    calls.fail("fsync", EIO, 1);
    EXPECT_FALSE(spool_.write_anew(old, {}));
    EXPECT_EQ(calls.count("renameat"), 0);
  }
  EXPECT_EQ(open(id, File::Access::read).header().generation, 0);
  ASSERT_TRUE(spool_.write_anew(old, {}));
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  EXPECT_THAT(queue_.names("deferred/" + id.folder()), ElementsAre(id.text()));
}

TEST_F(AnewTest, AMessageThatIsGoneIsNotMadeAgain) {
  const Id id = queue_.submit();
  File old = doubtful(id);
  ASSERT_TRUE(spool_.remove(id, Place::incoming));
  const Result<File> anew = spool_.write_anew(old, {});
  ASSERT_FALSE(anew);
  EXPECT_EQ(anew.error().sys, ENOENT);
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
}

TEST_F(AnewTest, OpeningAFileThatCannotBeSyncedWritesItAnewAndTells) {
  const Id id = queue_.submit();
  {
    File file = open(id);
    ASSERT_TRUE(file.append({deferred("one")}));
    ASSERT_TRUE(file.sync());
  }
  std::string alert;
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  const Result<File> file = spool_.open_to_append(id, &alert);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->header().generation, 1);
  EXPECT_EQ(alert, fmt::format("syncing message {0}: Input/output error; message {0} is written "
                               "anew, generation 1",
                               id.text()));
  EXPECT_THAT(texts(id), ElementsAre("one"));
}

TEST_F(AnewTest, OpeningWhatCannotBeWrittenAnewEitherTellsTheFirstError) {
  const Id id = queue_.submit();
  ASSERT_TRUE(open(id).append({deferred("one")}));
  std::string alert;
  test_calls::Scope calls;
  calls.fail("fsync", EIO);
  const Result<File> file = spool_.open_to_append(id, &alert);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().sys, EIO);
  EXPECT_EQ(alert, "");
  expect_only(id);
}

TEST_F(AnewTest, OnlyNamesOfMessagesBeingWrittenAnewAreTakenForThem) {
  const std::string id = Id::make(1'795'252'194'123'456, 7).text();
  EXPECT_TRUE(is_anew_name(id + ".anew"));
  for (const std::string& name : {id, id + ".new", id + ".anew.anew", std::string(".anew"),
                                  "u" + id.substr(1) + ".anew", id + ".ane"}) {
    EXPECT_FALSE(is_anew_name(name)) << name;
  }
}

// ---- room for the log

class ReserveTest : public AnewTest {
 protected:
  Id to(std::size_t recipients) {
    mail::Envelope envelope{.sender = "a@here.test", .recipients = {}};
    envelope.recipients.resize(recipients, {"b@here.test", {}});
    return queue_.submit("Subject: hi\n\nhello\n", envelope);
  }
};

TEST_F(ReserveTest, SeveralRecipientsHaveRoomReservedAndTheFileStaysAsLong) {
  const Id id = to(1000);
  const std::string before = octets(id);
  struct stat was;
  ASSERT_EQ(::stat(path(id).c_str(), &was), 0);
  ASSERT_TRUE(spool_.reserve_log(open(id), Place::incoming));
  EXPECT_EQ(octets(id), before);
  struct stat is;
  ASSERT_EQ(::stat(path(id).c_str(), &is), 0);
  EXPECT_GE((is.st_blocks - was.st_blocks) * 512, 1000 * 128 - 4096);
}

TEST_F(ReserveTest, NoRoomIsToldAndTemporary) {
  const Id id = to(2);
  test_calls::Scope calls;
  calls.fail("fallocate", ENOSPC);
  const Result<> done = spool_.reserve_log(open(id), Place::incoming);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fate, Fate::temporary);
  EXPECT_EQ(done.error().sys, ENOSPC);
  EXPECT_EQ(done.error().text, fmt::format("reserving room for the log of message {}: No space "
                                           "left on device",
                                           id.text()));
}

TEST_F(ReserveTest, AFileSystemWithoutThatPromiseIsNoError) {
  const Id id = to(2);
  test_calls::Scope calls;
  calls.fail("fallocate", EOPNOTSUPP);
  EXPECT_TRUE(spool_.reserve_log(open(id), Place::incoming));
}

TEST_F(ReserveTest, OneRecipientNeedsNone) {
  const Id id = to(1);
  test_calls::Scope calls;
  EXPECT_TRUE(spool_.reserve_log(open(id), Place::incoming));
  EXPECT_EQ(calls.count("fallocate"), 0);
}

TEST_F(ReserveTest, RecipientsThatAreDoneNeedNone) {
  const Id id = to(2);
  Event done;
  done.kind = Kind::delivered;
  done.recipients = {0, 1};
  File file = open(id);
  ASSERT_TRUE(file.append({done}));
  test_calls::Scope calls;
  EXPECT_TRUE(spool_.reserve_log(file, Place::incoming));
  EXPECT_EQ(calls.count("fallocate"), 0);
}

}  // namespace
}  // namespace porpoise::queue
