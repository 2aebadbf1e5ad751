#define PORPOISE_STRONG_TEST_CALLS

#include "send/test_worker.h"

namespace porpoise::send {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

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

// ---- messages that are read again before anything is built on them

class WorkerSettleTest : public WorkerTest {
 protected:
  Event about_notice(Kind kind, const Id& notice) {
    Event event;
    event.kind = kind;
    event.recipients = {0};
    event.notice = notice;
    return event;
  }
  /// By another send, which was killed.
  void record(const Id& id, const std::vector<Event>& events) {
    queue::Spool spool = queue::Spool::open(queue_.instance()).value();
    ASSERT_TRUE(spool.open_to_append(id)->append(events));
  }
  WasRead settled(const Id& id) {
    worker_->post(Settle{id, true});
    WasRead was{id, false, false, temporary("no answer")};
    Answer answer = next_answer();
    EXPECT_TRUE(std::holds_alternative<WasRead>(answer)) << answer.index();
    if (auto* read = std::get_if<WasRead>(&answer)) was = std::move(*read);
    return was;
  }
};

TEST_F(WorkerSettleTest, WhatANoticeDependsOnIsSynced) {
  const Id id = queue_.submit();
  record(id, {about_notice(Kind::intent, Id::make(7, 7))});
  test_calls::Scope calls;
  const WasRead was = settled(id);
  ASSERT_TRUE(was.message);
  EXPECT_TRUE(was.settled);
  EXPECT_TRUE(was.first);
  EXPECT_TRUE(was.message->file.state().open_intents.contains(Id::make(7, 7)));
  EXPECT_EQ(calls.count("fsync"), 1);
}

TEST_F(WorkerSettleTest, WhatIsOpenHereWasSyncedAlready) {
  const Id id = queue_.submit();
  worker_->post(write(id, {about_notice(Kind::intent, Id::make(7, 7))}, Write::Then::stay));
  EXPECT_EQ(next<Written>().outcome, Outcome::ok);
  test_calls::Scope calls;
  EXPECT_TRUE(settled(id).message);
  EXPECT_EQ(calls.count("fsync"), 0);
}

TEST_F(WorkerSettleTest, OneThatCannotBeSyncedIsWrittenAnewAndTold) {
  const Id id = queue_.submit();
  record(id, {about_notice(Kind::intent, Id::make(7, 7))});
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  worker_->post(Settle{id});
  EXPECT_THAT(next<Trouble>().text, ::testing::HasSubstr("is written anew, generation 1"));
  Answer answer = next_answer();
  ASSERT_TRUE(std::holds_alternative<WasRead>(answer));
  EXPECT_TRUE(std::get<WasRead>(answer).message);
}

TEST_F(WorkerSettleTest, ANoticeCountsOnceItsMessageHasThatOnDisk) {
  const Id about = queue_.submit();
  queue::SubmitOptions options;
  options.notice_about = about;
  const Id notice = queue_.submit("x\n", {.recipients = {{"a@here.test", {}}}}, options);
  record(about, {about_notice(Kind::intent, notice), about_notice(Kind::noticed, notice)});
  {
    test_calls::Scope calls;
    const WasRead was = settled(notice);
    ASSERT_TRUE(was.message);
    EXPECT_TRUE(was.message->confirmed);
    EXPECT_EQ(calls.count("fsync"), 1);
  }
  EXPECT_EQ(settled(Id::make(1, 1)).message.error().sys, ENOENT);
}

// R1123-5.3.1.1-give-up-4-5-days
TEST(Limits, MailIsTriedForMoreThanFiveDaysWhereNobodySaysOtherwise) {
  EXPECT_GT(Limits().lifetime_s, 5 * 86400);
}

}  // namespace
}  // namespace porpoise::send
