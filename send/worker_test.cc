#define PORPOISE_STRONG_TEST_CALLS

#include "send/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "posix/file.h"
#include "posix/test_calls.h"
#include "queue/test_queue.h"
#include "send/schedule_keeper.h"

namespace porpoise::send {
namespace {

using queue::Event;
using queue::Id;
using queue::Kind;
using queue::Place;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace test_calls = posix::test_calls;

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override { worker_ = Worker::start(queue_.instance()).value(); }

  /// The next answer, which has to come.
  Answer next_answer() {
    while (answers_.empty()) {
      pollfd wanted{worker_->event(), POLLIN, 0};
      EXPECT_EQ(::poll(&wanted, 1, 20'000), 1);
      if (::testing::Test::HasFailure()) return {};
      for (Answer& a : worker_->take()) answers_.push_back(std::move(a));
    }
    Answer answer = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return answer;
  }
  template <class T>
  T next() {
    Answer answer = next_answer();
    EXPECT_TRUE(std::holds_alternative<T>(answer)) << answer.index();
    return std::holds_alternative<T>(answer) ? std::get<T>(std::move(answer)) : T{};
  }

  static Write write(const Id& id, std::vector<Event> events, Write::Then then,
                     Place place = Place::incoming) {
    return {id, place, std::make_shared<const std::vector<Event>>(std::move(events)), then};
  }
  static Event deferred(const std::string& text) {
    Event event;
    event.kind = Kind::deferred;
    event.recipients = {0};
    event.text = text;
    return event;
  }
  static Event next_time(Time at) {
    Event event;
    event.kind = Kind::next;
    event.next_us = at;
    event.attempts = 1;
    return event;
  }
  queue::State state(const Id& id) {
    const queue::Spool spool = queue::Spool::open(queue_.instance()).value();
    return spool.open_file(id, queue::File::Access::read).value().state();
  }
  std::string in_deferred(const Id& id) { return "deferred/" + id.folder(); }

  queue::TestQueue queue_;
  std::unique_ptr<Worker> worker_;
  std::vector<Answer> answers_;
};

TEST_F(WorkerTest, RecordsSyncsAndThenMoves) {
  const Id id = queue_.submit();
  test_calls::Scope calls;
  worker_->post(write(id, {deferred("full"), next_time(77)}, Write::Then::defer));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  // The records, then the link and its folder, then the old name.
  std::vector<std::string> order;
  for (const std::string& call : calls.log) {
    if (call == "fsync" || call == "linkat" || call == "unlinkat") order.push_back(call);
  }
  ASSERT_GE(order.size(), 4u);
  EXPECT_EQ(order.front(), "fsync");
  EXPECT_EQ(order[order.size() - 3], "linkat");
  EXPECT_EQ(order[order.size() - 2], "fsync");
  EXPECT_EQ(order[order.size() - 1], "unlinkat");
  EXPECT_EQ(state(id).next_us, 77);
  EXPECT_EQ(state(id).recipients[0].text, "full");
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  EXPECT_TRUE(queue_.names(in_deferred(id)).contains(id.text()));
}

TEST_F(WorkerTest, AFailedSyncIsToldAndNothingThatDependsOnItIsDone) {
  const Id id = queue_.submit();
  test_calls::Scope calls;
  calls.fail("fsync", EIO);
  worker_->post(write(id, {deferred("full")}, Write::Then::defer));
  const Written written = next<Written>();
  EXPECT_EQ(written.outcome, Outcome::trouble);
  EXPECT_THAT(written.text, ::testing::HasSubstr("Input/output error"));
  EXPECT_TRUE(queue_.names("incoming").contains(id.text()));
  EXPECT_EQ(calls.count("linkat"), 0);
}

TEST_F(WorkerTest, AFailedSyncIsNotRepeatedButTheMessageWrittenAnew) {
  const Id id = queue_.submit();
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  worker_->post(write(id, {deferred("full")}, Write::Then::stay));
  EXPECT_EQ(next<Trouble>().text,
            fmt::format("syncing message {0}: Input/output error; message {0} is written anew, "
                        "generation 1",
                        id.text()));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(state(id).recipients[0].attempts, 1u);
  EXPECT_THAT(queue_.names("incoming"), ::testing::ElementsAre(id.text()));
  worker_->post(write(id, {deferred("again")}, Write::Then::stay));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(state(id).recipients[0].attempts, 2u);
}

TEST_F(WorkerTest, WhatCouldNotBeWrittenAnewIsRecordedOnceWhenItCan) {
  const Id id = queue_.submit();
  const Write job = write(id, {deferred("full")}, Write::Then::defer);
  for (const char* call : {"fsync", "tmpfile", "renameat"}) {
    test_calls::Scope calls;
    calls.fail("fsync", EIO, 1);
    calls.fail(call, EIO);
    worker_->post(job);
    const Written written = next<Written>();
    EXPECT_EQ(written.outcome, Outcome::trouble) << call;
    EXPECT_EQ(calls.count("linkat"), call == std::string("renameat") ? 1 : 0);
    worker_->post(ScanDeferred{});
    EXPECT_THAT(next<InDeferred>().messages, IsEmpty());
  }
  worker_->post(job);
  EXPECT_THAT(next<Trouble>().text, ::testing::HasSubstr("is written anew"));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(state(id).recipients[0].attempts, 1u);
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  EXPECT_THAT(queue_.names(in_deferred(id)), ::testing::ElementsAre(id.text()));
}

TEST_F(WorkerTest, WhatAppendingCouldNotWriteIsNotInDoubtWhereTheDiskIsFull) {
  const Id id = queue_.submit();
  const Write job = write(id, {deferred("full")}, Write::Then::stay);
  {
    test_calls::Scope calls;
    calls.fail("pwrite", ENOSPC);
    worker_->post(job);
    EXPECT_EQ(next<Written>().outcome, Outcome::trouble);
    EXPECT_EQ(calls.count("tmpfile"), 0);
    worker_->post(ScanIncoming{});
    EXPECT_THAT(next<InIncoming>().ids, SizeIs(1));
  }
  worker_->post(job);
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(state(id).recipients[0].attempts, 1u);
}

TEST_F(WorkerTest, AFileThatCannotBeWrittenToIsWrittenAnew) {
  const Id id = queue_.submit();
  test_calls::Scope calls;
  calls.fail("pwrite", EIO, 1);
  worker_->post(write(id, {deferred("full")}, Write::Then::stay));
  EXPECT_THAT(next<Trouble>().text, ::testing::HasSubstr("is written anew"));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(state(id).recipients[0].attempts, 1u);
}

TEST_F(WorkerTest, WhatACrashLeftOfAMessageWrittenAnewIsSwept) {
  const Id id = queue_.submit();
  const Id waits = queue_.submit();
  worker_->post(write(waits, {deferred("full"), next_time(5)}, Write::Then::defer));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  queue_.write("incoming/" + id.text() + ".anew", "half");
  queue_.write(in_deferred(waits) + "/" + waits.text() + ".anew", "half");
  worker_->post(ScanIncoming{});
  EXPECT_THAT(next<InIncoming>().ids, ::testing::ElementsAre(id));
  worker_->post(ScanDeferred{});
  EXPECT_THAT(next<InDeferred>().messages, SizeIs(1));
  EXPECT_THAT(queue_.names("incoming"), ::testing::ElementsAre(id.text()));
  EXPECT_THAT(queue_.names(in_deferred(waits)), ::testing::ElementsAre(waits.text()));
}

TEST_F(WorkerTest, AMoveThatFailedIsDoneAgainWithoutWritingTheRecordsTwice) {
  const Id id = queue_.submit();
  const Write job = write(id, {deferred("full")}, Write::Then::defer);
  {
    test_calls::Scope calls;
    calls.fail("linkat", ENOSPC);
    worker_->post(job);
    EXPECT_EQ(next<Written>().outcome, Outcome::trouble);
    worker_->post(ScanIncoming{});  // so that it is not in a call when this ends
    EXPECT_THAT(next<InIncoming>().ids, SizeIs(1));
  }
  worker_->post(job);
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(state(id).recipients[0].attempts, 1u);
}

TEST_F(WorkerTest, RemovesAndSyncsTheFolderOfManyOnce) {
  const Id a = queue_.submit();
  const Id b = queue_.submit();
  test_calls::Scope calls;
  worker_->post(write(a, {}, Write::Then::remove));
  worker_->post(write(b, {}, Write::Then::remove));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  worker_->finish();
  EXPECT_EQ(calls.count("fsync"), 1);
}

TEST_F(WorkerTest, SeveralRecordsOfOneMessageReadItOnce) {
  const Id id = queue_.submit();
  worker_->post(write(id, {deferred("one")}, Write::Then::stay));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  test_calls::Scope calls;
  worker_->post(write(id, {deferred("two")}, Write::Then::stay));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_EQ(calls.count("openat"), 0);
  EXPECT_EQ(calls.count("fsync"), 1);
  EXPECT_EQ(state(id).recipients[0].attempts, 2u);
}

TEST_F(WorkerTest, AMessageThatIsGoneOrDamagedIsToldAsThat) {
  worker_->post(write(Id::make(1, 1), {deferred("x")}, Write::Then::stay));
  EXPECT_EQ(next<Written>().outcome, Outcome::gone);
  const Id id = queue_.submit();
  queue_.write("incoming/" + id.text(), "no message at all");
  worker_->post(write(id, {deferred("x")}, Write::Then::stay));
  EXPECT_EQ(next<Written>().outcome, Outcome::damaged);
  worker_->post(SetAside{id});
  EXPECT_EQ(next<WasSetAside>().text, "");
  EXPECT_TRUE(queue_.names("damaged").contains(id.text()));
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
}

TEST_F(WorkerTest, CopiesContent) {
  const std::string body(200'000, 'x');
  const Id id = queue_.submit("Subject: big\n\n" + body);
  worker_->post(CopyContent{id});
  const Copied copied = next<Copied>();
  ASSERT_TRUE(copied.content);
  const auto copy = queue::Spool::reopen(copied.content->get());
  EXPECT_THAT(posix::read_to_end(copy->get(), 1 << 20, "").value(), ::testing::EndsWith(body));
  worker_->post(CopyContent{Id::make(1, 1)});
  EXPECT_EQ(next<Copied>().content.error().sys, ENOENT);
}

TEST_F(WorkerTest, ScansInPiecesAndNamesWhatIsNoMessage) {
  std::set<Id> there;
  for (std::size_t i = 0; i < Worker::kPiece + 5; ++i) there.insert(queue_.submit());
  queue_.write("incoming/stray", "");
  worker_->post(ScanIncoming{});
  std::set<Id> seen;
  bool last = false;
  int strays = 0;
  while (!last) {
    if (answers_.empty()) {
      pollfd wanted{worker_->event(), POLLIN, 0};
      ASSERT_EQ(::poll(&wanted, 1, 20'000), 1);
      for (Answer& a : worker_->take()) answers_.push_back(std::move(a));
    }
    for (Answer& a : answers_) {
      if (auto* piece = std::get_if<InIncoming>(&a)) {
        seen.insert(piece->ids.begin(), piece->ids.end());
        last = piece->last;
      }
      if (auto* trouble = std::get_if<Trouble>(&a)) {
        EXPECT_EQ(trouble->text, "queue/incoming/stray is no message");
        ++strays;
      }
    }
    answers_.clear();
  }
  EXPECT_EQ(seen, there);
  EXPECT_EQ(strays, 1);
}

TEST_F(WorkerTest, TheScanOfDeferredTellsNextTimesFromTheLogs) {
  const Id a = queue_.submit();
  const Id b = queue_.submit();
  worker_->post(write(a, {next_time(5'000'000)}, Write::Then::defer));
  worker_->post(write(b, {next_time(9'000'000)}, Write::Then::defer));
  next<Written>();
  next<Written>();
  worker_->post(ScanDeferred{});
  const InDeferred found = next<InDeferred>();
  EXPECT_TRUE(found.last);
  EXPECT_THAT(found.messages, ::testing::UnorderedElementsAre(std::pair(a, Time{5'000'000}),
                                                              std::pair(b, Time{9'000'000})));
  worker_->post(ScanDeferred{});
  worker_->post(write(a, {}, Write::Then::remove, Place::deferred));
  // The scan is for quiet times; the worker may have had one between the two.
  Answer first = next_answer();
  const bool was_quiet = std::holds_alternative<InDeferred>(first);
  const auto scanned = was_quiet ? std::get<InDeferred>(first) : next<InDeferred>();
  const auto removed = was_quiet ? next<Written>() : std::get<Written>(first);
  EXPECT_EQ(removed.outcome, Outcome::ok);
  EXPECT_THAT(scanned.messages, SizeIs(was_quiet ? 2 : 1));
}

TEST_F(WorkerTest, FinishDoesWhatWasPosted) {
  std::vector<Id> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(queue_.submit());
  for (const Id& id : ids) worker_->post(write(id, {deferred("x")}, Write::Then::defer));
  worker_->finish();
  EXPECT_THAT(worker_->take(), SizeIs(20));
  EXPECT_THAT(queue_.names("incoming"), IsEmpty());
}

// ---- queue/schedule

class WorkerScheduleTest : public WorkerTest {
 protected:
  Id waiting_until(Time at) {
    const Id id = queue_.submit();
    worker_->post(write(id, {deferred("full"), next_time(at)}, Write::Then::defer));
    EXPECT_EQ(next<Written>().outcome, Outcome::ok);
    return id;
  }
  static queue::ScheduleEntry entry(const Id& id, std::uint32_t next_s) { return {id, next_s}; }
  void write_schedule(std::vector<queue::ScheduleEntry> entries) {
    worker_->post(WriteSchedule{std::move(entries), true, true});
  }
  std::map<Id, Time> scanned() {
    std::map<Id, Time> found;
    worker_->post(ScanDeferred{});
    for (;;) {
      const InDeferred piece = next<InDeferred>();
      found.insert(piece.messages.begin(), piece.messages.end());
      if (piece.last) return found;
    }
  }
  std::string file_of(const Id& id) { return in_deferred(id) + "/" + id.text(); }
};

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST_F(WorkerScheduleTest, WhatTheScheduleNamesIsNotRead) {
  const Id a = waiting_until(70 * kSecond);
  const Id b = waiting_until(80 * kSecond);
  write_schedule({entry(a, 71), entry(b, 81)});
  queue_.write(file_of(a), "not looked at");
  EXPECT_THAT(scanned(), UnorderedElementsAre(Pair(a, 71 * kSecond), Pair(b, 81 * kSecond)));
  EXPECT_EQ(worker_->unscheduled(), 0u);
}

TEST_F(WorkerScheduleTest, WhatItDoesNotNameIsFoundAndCounted) {
  const Id a = waiting_until(70 * kSecond);
  write_schedule({entry(a, 70)});
  const Id b = waiting_until(80 * kSecond);
  EXPECT_THAT(scanned(), UnorderedElementsAre(Pair(a, 70 * kSecond), Pair(b, 80 * kSecond)));
  EXPECT_GT(worker_->unscheduled(), 0u);
}

TEST_F(WorkerScheduleTest, WhatItNamesAndIsNotThereIsPassedOver) {
  const Id a = waiting_until(70 * kSecond);
  write_schedule({entry(a, 70), entry(Id::make(5, 5), 3)});
  EXPECT_THAT(scanned(), UnorderedElementsAre(Pair(a, 70 * kSecond)));
}

TEST_F(WorkerScheduleTest, ADamagedOneIsToldAndTheLogsAreRead) {
  const Id a = waiting_until(70 * kSecond);
  queue_.write("schedule", "PORPOISE-SCHEDULE 1 what is this");
  worker_->post(ScanDeferred{});
  EXPECT_EQ(next<Trouble>().text, "queue/schedule is of no use: bad head");
  EXPECT_THAT(next<InDeferred>().messages, UnorderedElementsAre(Pair(a, 70 * kSecond)));
}

TEST_F(WorkerScheduleTest, AMessageWithANoticeStillToBeQueuedIsDue) {
  const Id a = waiting_until(70 * kSecond);
  Event intent;
  intent.kind = Kind::intent;
  intent.recipients = {0};
  intent.notice = Id::make(9, 9);
  worker_->post(write(a, {intent}, Write::Then::stay, Place::deferred));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  EXPECT_THAT(scanned(), UnorderedElementsAre(Pair(a, 0)));
}

TEST_F(WorkerScheduleTest, OneThatCannotBeWrittenIsToldOnceAndTheOldOneStays) {
  const Id a = waiting_until(70 * kSecond);
  write_schedule({entry(a, 70)});
  EXPECT_THAT(scanned(), SizeIs(1));
  {
    test_calls::Scope calls;
    calls.fail("openat", ENOSPC);
    worker_->post(WriteSchedule{{entry(a, 5)}, true, false});
    EXPECT_EQ(next<Trouble>().text,
              "queue/schedule is not written: opening schedule.draft: No space left on device");
  }
  worker_->post(WriteSchedule{{}, false, true});
  EXPECT_THAT(scanned(), UnorderedElementsAre(Pair(a, 70 * kSecond)));
  EXPECT_FALSE(queue_.names("").contains("schedule.draft"));
}

TEST_F(WorkerScheduleTest, NothingWaitingIsNoSchedule) {
  const Id a = waiting_until(70 * kSecond);
  write_schedule({entry(a, 70)});
  write_schedule({});
  worker_->finish();
  EXPECT_FALSE(queue_.names("").contains("schedule"));
}

TEST_F(WorkerScheduleTest, TheKeeperWritesAllThatWaitsInPartsAndOnlyForAChange) {
  Scheduler scheduler({}, 1);
  ScheduleKeeper keeper(0);
  keeper.turn(scheduler, *worker_, ScheduleKeeper::kEvery);
  EXPECT_FALSE(queue_.names("").contains("schedule"));  // nothing has changed

  std::map<Id, Time> all;
  for (int i = 0; i < 20; ++i) {
    const Time at = (1000 + i) * kSecond;
    const Id id = waiting_until(at);
    scheduler.found(id, at, 1);
    all[id] = at;
  }
  std::int64_t running = keeper.next_us();
  for (std::uint32_t part = 0; part < ScheduleKeeper::kParts; ++part) {
    EXPECT_LE(keeper.next_us(), running);
    keeper.turn(scheduler, *worker_, running);
    running += ScheduleKeeper::kPause;
  }
  EXPECT_GT(keeper.next_us(), running);
  for (const auto& [id, at] : all) queue_.write(file_of(id), "not looked at");
  EXPECT_EQ(scanned(), all);
  EXPECT_EQ(worker_->unscheduled(), 0u);
}

TEST_F(WorkerScheduleTest, AtTheEndItIsWrittenWhereSomethingHasChanged) {
  Scheduler scheduler({}, 1);
  ScheduleKeeper keeper(0);
  keeper.at_stop(scheduler, *worker_, false);
  const Id id = waiting_until(70 * kSecond);
  EXPECT_FALSE(queue_.names("").contains("schedule"));
  scheduler.found(id, 70 * kSecond, 1);
  keeper.at_stop(scheduler, *worker_, true);
  EXPECT_THAT(scanned(), UnorderedElementsAre(Pair(id, 70 * kSecond)));
  EXPECT_EQ(worker_->unscheduled(), 0u);
  EXPECT_TRUE(queue_.names("").contains("schedule"));
}

TEST_F(WorkerScheduleTest, ABriefSendDoesNotRewriteALargeOneForALittle) {
  Scheduler scheduler({}, 1);
  ScheduleKeeper keeper(0);
  const Id id = waiting_until(70 * kSecond);
  scheduler.found(id, 70 * kSecond, 1);
  for (std::uint64_t i = 0; i < ScheduleKeeper::kFew; ++i) {
    scheduler.found(Id::make(5, i), 70 * kSecond, 1);
  }
  keeper.at_stop(scheduler, *worker_, true);
  worker_->post(ScanIncoming{});
  EXPECT_THAT(next<InIncoming>().ids, IsEmpty());
  EXPECT_FALSE(queue_.names("").contains("schedule"));
  keeper.at_stop(scheduler, *worker_, false);
  worker_->finish();
  EXPECT_TRUE(queue_.names("").contains("schedule"));
}

// R1123-5.3.1.1-give-up-4-5-days
TEST(Limits, MailIsTriedForMoreThanFiveDaysWhereNobodySaysOtherwise) {
  EXPECT_GT(Limits().lifetime_s, 5 * 86400);
}

}  // namespace
}  // namespace porpoise::send
