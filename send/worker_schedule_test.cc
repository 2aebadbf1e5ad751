// queue/schedule, as the worker reads and writes it, and when its keeper has it written.

#include "send/schedule_keeper.h"
#include "send/test_worker.h"

namespace porpoise::send {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

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

}  // namespace
}  // namespace porpoise::send
