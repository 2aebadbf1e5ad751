#include "send/readers.h"

#include <condition_variable>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <poll.h>

#include "posix/file.h"
#include "queue/test_queue.h"
#include "send/body.h"

namespace porpoise::send {
namespace {

using queue::Event;
using queue::Id;
using queue::Kind;

class ReadersTest : public ::testing::Test {
 protected:
  ReadAnswer next(Readers& readers) {
    while (answers_.empty()) {
      pollfd wanted{readers.event(), POLLIN, 0};
      EXPECT_EQ(::poll(&wanted, 1, 20'000), 1);
      if (HasFailure()) return Copied{};
      for (ReadAnswer& a : readers.take()) answers_.push_back(std::move(a));
    }
    ReadAnswer answer = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return answer;
  }
  WasRead read(const Id& id, bool first = false) {
    const auto readers = Readers::start(queue_.instance()).value();
    readers->post(ReadMessage{id, first});
    return std::get<WasRead>(next(*readers));
  }
  /// Appends these to a message's log.
  void record(const Id& id, const std::vector<Event>& events) {
    queue::Spool spool = queue::Spool::open(queue_.instance()).value();
    queue::File file = spool.open_to_append(id).value();
    ASSERT_TRUE(file.append(events) && file.sync());
  }
  static Event about_notice(Kind kind, const Id& notice) {
    Event event;
    event.kind = kind;
    event.recipients = {0};
    event.notice = notice;
    return event;
  }
  std::string content_of(const posix::UniqueFd& fd) {
    const auto copy = queue::Spool::reopen(fd.get());
    return posix::read_to_end(copy->get(), 1 << 20, "").value();
  }
  /// A notice about that message, in the queue.
  Id submit_notice(const Id& about) {
    queue::SubmitOptions options;
    options.notice_about = about;
    return queue_.submit("Subject: failure\n\n", {.recipients = {{"a@here.test", {}}}}, options);
  }

  queue::TestQueue queue_;
  std::vector<ReadAnswer> answers_;
};

TEST_F(ReadersTest, AFirstAttemptHasItsContentCopiedToo) {
  const Id id = queue_.submit();
  const WasRead was = read(id, true);
  ASSERT_TRUE(was.message);
  EXPECT_EQ(was.id, id);
  EXPECT_TRUE(was.first);
  EXPECT_FALSE(was.settled);
  EXPECT_EQ(was.message->file.header().id, id);
  EXPECT_EQ(was.message->place, queue::Place::incoming);
  EXPECT_FALSE(was.message->unsettled);
  EXPECT_THAT(content_of(was.message->content), ::testing::EndsWith("hello\n"));
}

TEST_F(ReadersTest, ARetryHasNot) {
  EXPECT_FALSE(read(queue_.submit()).message->content.open());
}

TEST_F(ReadersTest, NorHasALargeOne) {
  const std::string large(Readers::kSmall + 1, 'x');
  EXPECT_FALSE(read(queue_.submit("Subject: x\n\n" + large + "\n"), true).message->content.open());
}

TEST_F(ReadersTest, CopiesContentOfAFileThatIsOpen) {
  const auto readers = Readers::start(queue_.instance()).value();
  const Id id = queue_.submit();
  queue::File file = std::move(read(id).message->file);
  readers->post(CopyOf{id, std::move(file)});
  const auto copied = std::get<Copied>(next(*readers));
  EXPECT_EQ(copied.id, id);
  EXPECT_THAT(content_of(*copied.content), ::testing::EndsWith("hello\n"));
}

TEST_F(ReadersTest, ContentThatIsNotWhatWasAcceptedIsToldWhenItIsWanted) {
  const Id id = queue_.submit();
  std::string text = queue_.text("incoming/" + id.text());
  text[text.find("hello")] = 'j';
  queue_.write("incoming/" + id.text(), text);
  WasRead was = read(id, true);
  ASSERT_TRUE(was.message);
  EXPECT_FALSE(was.message->content.open());
  queue::Spool spool = queue::Spool::open(queue_.instance()).value();
  const ReadAnswer copied = Readers::carry_out(spool, CopyOf{id, std::move(was.message->file)});
  EXPECT_EQ(std::get<Copied>(copied).content.error().sys, EBADMSG);
}

TEST_F(ReadersTest, WhatIsGoneAndWhatIsDamagedIsToldAsThat) {
  EXPECT_EQ(read(Id::make(1, 1)).message.error().sys, ENOENT);
  const Id id = queue_.submit();
  queue_.write("incoming/" + id.text(), "no message at all");
  EXPECT_EQ(read(id).message.error().sys, EBADMSG);
}

TEST_F(ReadersTest, AnOpenIntentHasToBeSettled) {
  const Id id = queue_.submit();
  record(id, {about_notice(Kind::intent, Id::make(7, 7))});
  EXPECT_TRUE(read(id).message->unsettled);
}

TEST_F(ReadersTest, ANoticeIsConfirmedByTheMessageItIsAbout) {
  const Id about = queue_.submit();
  const Id notice = submit_notice(about);
  record(about, {about_notice(Kind::intent, notice)});
  WasRead was = read(notice);
  EXPECT_FALSE(was.message->confirmed);
  EXPECT_FALSE(was.message->about_unsettled);
  record(about, {about_notice(Kind::noticed, notice)});
  was = read(notice);
  EXPECT_TRUE(was.message->confirmed);
  EXPECT_TRUE(was.message->about_unsettled) << "that record may not be on disk";
}

TEST_F(ReadersTest, OrByItsAbsence) {
  const WasRead was = read(submit_notice(Id::make(1, 1)));
  EXPECT_TRUE(was.message->confirmed);
  EXPECT_FALSE(was.message->about_unsettled);
}

/// Readings that last until they are let go.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  void wait() {
    std::unique_lock guard(mutex);
    changed.wait(guard, [this] { return open; });
  }
  void let_go() {
    const std::lock_guard guard(mutex);
    open = true;
    changed.notify_all();
  }
};

TEST_F(ReadersTest, ABlockedReadingDelaysNoOther) {
  const Id stuck = Id::make(1, 1);
  Gate gate;
  const auto readers = Readers::start(queue_.instance(), [&](queue::Spool& spool, Reading job) {
                         const auto* read = std::get_if<ReadMessage>(&job);
                         if (read != nullptr && read->id == stuck) gate.wait();
                         return Readers::carry_out(spool, std::move(job));
                       }).value();
  for (std::size_t i = 1; i < Readers::kThreads; ++i) readers->post(ReadMessage{stuck});
  std::set<Id> others;
  for (int i = 0; i < 20; ++i) others.insert(queue_.submit());
  for (const Id& id : others) readers->post(ReadMessage{id});
  for (int i = 0; i < 20; ++i) {
    const auto was = std::get<WasRead>(next(*readers));
    EXPECT_TRUE(was.message);
    EXPECT_EQ(others.erase(was.id), 1u);
  }
  gate.let_go();
  for (std::size_t i = 1; i < Readers::kThreads; ++i) {
    EXPECT_EQ(std::get<WasRead>(next(*readers)).id, stuck);
  }
}

TEST_F(ReadersTest, AtTheEndNobodyWaitsForABlockedOneAndNothingMoreIsBegun) {
  const auto gate = std::make_shared<Gate>();
  const auto begun = std::make_shared<std::atomic<std::size_t>>(0);
  auto readers = Readers::start(
                     queue_.instance(),
                     [gate, begun](queue::Spool&, Reading) -> ReadAnswer {
                       ++*begun;
                       gate->wait();
                       return Copied{Id{}, temporary("too late")};
                     },
                     std::chrono::milliseconds(1))
                     .value();
  for (std::size_t i = 0; i < 3 * Readers::kThreads; ++i) readers->post(ReadMessage{Id{}});
  while (*begun < Readers::kThreads) std::this_thread::yield();
  readers.reset();
  gate->let_go();
  while (begun.use_count() > 1) std::this_thread::yield();  // until the threads have ended
  EXPECT_EQ(*begun, Readers::kThreads);
}

// ---- what is kept of an open message

TEST(Texts, GivesEachAsItWasAdded) {
  Texts texts(4, 4);
  for (const char* text : {"a@b", "", "c", ""}) texts.add(text);
  EXPECT_EQ(texts[0], "a@b");
  EXPECT_EQ(texts[1], "");
  EXPECT_EQ(texts[2], "c");
  EXPECT_EQ(texts[3], "");
}

TEST(Body, KnowsTheNotesOfThoseThatHaveAny) {
  Body body;
  EXPECT_EQ(body.progress_of(0), "");
  body.progress = {{2, "two"}, {5, "five"}};
  EXPECT_EQ(body.progress_of(2), "two");
  EXPECT_EQ(body.progress_of(5), "five");
  EXPECT_EQ(body.progress_of(3), "");
  EXPECT_EQ(body.progress_of(6), "");
}

}  // namespace
}  // namespace porpoise::send
