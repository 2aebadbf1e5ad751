#define PORPOISE_STRONG_TEST_CALLS

#include "queue/submit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libmail/date.h"
#include "posix/test_calls.h"
#include "queue/test_queue.h"

using namespace std::string_literals;

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
namespace test_calls = posix::test_calls;

const mail::Envelope kEnvelope{.sender = "a@here.test", .recipients = {{"b@here.test", {}}}};
const std::string kText = "Subject: hi\n\nhello\n";

// Each test runs for both ways a file can begin its life.
class SubmitTest : public ::testing::TestWithParam<bool> {
 protected:
  SubmitTest() { ::setenv("PORPOISE_NAMED_FILES", GetParam() ? "1" : "0", 1); }
  ~SubmitTest() override { ::unsetenv("PORPOISE_NAMED_FILES"); }

  // Begins, writes and finishes; the id, or "CODE text".
  std::string submit(const mail::Envelope& envelope = kEnvelope, const SubmitOptions& options = {},
                     const std::string& text = kText) {
    auto submission = begin(queue_.instance(), options);
    if (!submission) return shown(submission.error());
    if (auto done = (*submission)->write(text); !done) return shown(done.error());
    auto id = (*submission)->finish(envelope);
    return id ? *id : shown(id.error());
  }
  static std::string shown(const SubmitError& error) {
    EXPECT_EQ(error.error.fate, fate_of(error.code));
    return fmt::format("{} {}", error.code, error.error.text);
  }
  void expect_nothing_left() const {
    EXPECT_THAT(queue_.names("tmp"), IsEmpty());
    EXPECT_THAT(queue_.names("incoming"), IsEmpty());
  }

  TestQueue queue_;
};

INSTANTIATE_TEST_SUITE_P(Births, SubmitTest, ::testing::Bool(),
                         [](const auto& p) { return p.param ? "Named" : "Unnamed"; });

TEST_P(SubmitTest, TheFileIsExactlyAsDocumented) {
  const std::string id = submit();
  ASSERT_TRUE(Id::parse(id)) << id;
  const Id parsed = *Id::parse(id);
  const std::string received =
      fmt::format("Received: (porpoise {} invoked by uid {}); {}\n", id, ::getuid(),
                  mail::print_date(parsed.wall_us() / 1'000'000));
  const std::string content = received + kText;
  const Meta meta{.arrival_us = parsed.wall_us(),
                  .uid = ::getuid(),
                  .content_crc = crc32c(0, content),
                  .envelope = kEnvelope};
  const std::string want = Header{.id = parsed, .content_octets = content.size()}.encode() +
                           content +
                           encode({.kind = Kind::envelope, .payload = encode_payload(meta)}, parsed,
                                  0, Header::kOctets + content.size());
  EXPECT_EQ(queue_.text("incoming/" + id), want);
  EXPECT_THAT(queue_.names("tmp"), IsEmpty());
  EXPECT_EQ(queue_.names("incoming"), std::set<std::string>{id});
}

TEST_P(SubmitTest, ASessionTellsWhereTheMessageCameFrom) {
  const ReceivedClauses clauses{.from = "client.test ([192.0.2.1])",
                                .by = "mx.here.test",
                                .with = "ESMTP",
                                .recipient = "<a@b>"};
  SubmitOptions options{.received = clauses};
  const Id id = queue_.submit("text\n", kEnvelope, options);
  const std::string date = mail::print_date(id.wall_us() / 1'000'000);
  EXPECT_THAT(
      queue_.text("incoming/" + id.text()),
      HasSubstr("\nReceived: from client.test ([192.0.2.1])\n  by mx.here.test with ESMTP id " +
                id.text() + "\n  for <a@b>;\n  " + date + "\ntext\n"));

  options.received =
      ReceivedClauses{.from = "x\nEvil: y", .by = "h", .with = "SMTP", .recipient = ""};
  EXPECT_THAT(queue_.text("incoming/" + queue_.submit("text\n", kEnvelope, options).text()),
              HasSubstr("\nReceived: from x/Evil: y\n  by h with SMTP id "));
}

TEST_P(SubmitTest, TwoBarriersFileThenFolder) {
  auto submission = begin(queue_.instance(), {.trigger = false}).value();
  EXPECT_TRUE(submission->write(kText));
  test_calls::Scope calls;
  submission->finish(kEnvelope).value();
  if (GetParam()) {
    EXPECT_THAT(calls.log, ElementsAre("write", "fsync", "linkat", "unlinkat", "fsync"));
  } else {
    EXPECT_THAT(calls.log, ElementsAre("write", "fsync", "linkat", "fsync"));
  }
}

TEST_P(SubmitTest, PiecesOfAnySizeGiveTheSameFile) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += static_cast<char>(i * 7 + i / 256);
  const SubmitOptions options{.id = Id::make(5'000'000, 7)};
  for (const std::size_t piece : {1000u, 4096u, 65'000u, 65'536u, 70'000u, 200'000u}) {
    auto submission = begin(queue_.instance(), options).value();
    for (std::size_t at = 0; at < text.size(); at += piece) {
      EXPECT_TRUE(submission->write(std::string_view(text).substr(at, piece)));
    }
    const std::string id = submission->finish(kEnvelope).value();
    Result<File> file =
        File::open(Spool::open(queue_.instance())->incoming(), id, *options.id, File::Access::read);
    ASSERT_TRUE(file) << file.error().text;
    const std::string octets = queue_.text("incoming/" + id);
    const std::string content = octets.substr(Header::kOctets, file->header().content_octets);
    EXPECT_EQ(content.substr(content.find('\n') + 1), text) << piece;
    EXPECT_EQ(file->meta().content_crc, crc32c(0, content));
    std::filesystem::remove(queue_.path() + "/queue/incoming/" + id);
  }
}

TEST_P(SubmitTest, AnAbandonedSubmissionLeavesNothing) {
  {
    auto submission = begin(queue_.instance(), {}).value();
    EXPECT_TRUE(submission->write(std::string(100'000, 'x')));
    EXPECT_EQ(queue_.names("tmp").size(), GetParam() ? 1u : 0u);
  }
  expect_nothing_left();
}

TEST_P(SubmitTest, OptionsAreKept) {
  const Id id = Id::make(1'795'252'194'123'456, 99);
  const Id about = Id::make(1'795'252'194'000'000, 1);
  EXPECT_EQ(
      submit(kEnvelope, {.received_note = "for bounce\nX: y", .id = id, .notice_about = about}),
      id.text());
  const std::string octets = queue_.text("incoming/" + id.text());
  EXPECT_THAT(octets.substr(Header::kOctets),
              StartsWith("Received: (porpoise " + id.text() + " for bounce/X: y); "));
  const auto spool = Spool::open(queue_.instance()).value();
  EXPECT_EQ(spool.open_file(id, File::Access::read)->meta().notice_about, about);
}

TEST_P(SubmitTest, ATakenIdShowsAndTheFirstMessageStays) {
  const SubmitOptions options{.id = Id::make(1'795'252'194'123'456, 99)};
  const std::string id = submit(kEnvelope, options);
  const std::string before = queue_.text("incoming/" + id);
  auto submission = begin(queue_.instance(), options).value();
  EXPECT_TRUE(submission->write("another"));
  auto done = submission->finish(kEnvelope);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().error.sys, EEXIST);
  EXPECT_EQ(done.error().code, static_cast<int>(Code::link));
  EXPECT_EQ(queue_.text("incoming/" + id), before);
  submission.reset();
  EXPECT_THAT(queue_.names("tmp"), IsEmpty());
}

TEST_P(SubmitTest, WhatACrashLeftOfANoticeDoesNotBlockItsId) {
  const Id id = Id::make(1'795'252'194'123'456, 99);
  queue_.write("tmp/" + id.text(), "half a notice");
  EXPECT_EQ(submit(kEnvelope, {.id = id}), id.text());
}

TEST_P(SubmitTest, WhereverTheDiskIsFullNothingIsLeft) {
  const std::string large(200'000, 'x');
  int failures = 0;
  for (const char* call : {"tmpfile", "openat", "write", "pwrite", "fsync", "linkat"}) {
    for (int on = 1; on <= 6; ++on) {
      for (const int err : {ENOSPC, EDQUOT, EIO}) {
        test_calls::Scope calls;
        calls.fail(call, err, on);
        const std::string got = submit(kEnvelope, {.trigger = false}, large);
        if (calls.count(call) < on) {
          EXPECT_TRUE(Id::parse(got)) << got;
          std::filesystem::remove(queue_.path() + "/queue/incoming/" + got);
          continue;
        }
        // What cannot be opened is another story: folders of the queue and control files.
        const char* code = got.find("opening control/") != got.npos ? "55 "
                           : got.find("opening") != got.npos        ? "62 "
                                                                    : "53 ";
        EXPECT_THAT(got, StartsWith(code)) << call << " " << on;
        expect_nothing_left();
        ++failures;
      }
    }
  }
  EXPECT_GT(failures, 15);
}

TEST_P(SubmitTest, ALinkThatIsNotAllowedIsCode66) {
  test_calls::Scope calls;
  calls.fail("linkat", EPERM);
  EXPECT_THAT(submit(), StartsWith("66 creating "));
  expect_nothing_left();
}

TEST_P(SubmitTest, AMissingFolderIsCode62) {
  std::filesystem::remove(queue_.path() + "/queue/tmp");
  EXPECT_EQ(submit(), "62 opening " + queue_.path() + "/queue/tmp: No such file or directory");
}

TEST_P(SubmitTest, AfterAFailureNothingMoreIsTaken) {
  auto submission = begin(queue_.instance(), {.max_octets = 5}).value();
  EXPECT_TRUE(submission->write("12345"));
  auto done = submission->write("6");
  ASSERT_FALSE(done);
  EXPECT_EQ(shown(done.error()), "31 message longer than 5 octets");
  EXPECT_FALSE(submission->write("7"));
  EXPECT_FALSE(submission->finish(kEnvelope));
  expect_nothing_left();
}

TEST_P(SubmitTest, ASecondFinishQueuesNothing) {
  auto submission = begin(queue_.instance(), {}).value();
  submission->finish(kEnvelope).value();
  EXPECT_FALSE(submission->finish(kEnvelope));
  EXPECT_EQ(queue_.names("incoming").size(), 1u);
}

TEST_P(SubmitTest, EnvelopesThatCannotBeReadAgainAreRefused) {
  EXPECT_EQ(submit({.sender = std::string(1003, 'x')}), "11 envelope record 1: address too long");
  EXPECT_EQ(submit({.sender = "", .recipients = {{std::string(1003, 'x')}}}),
            "11 envelope record 2: address too long");
  EXPECT_EQ(submit({.sender = "a\0b"s}), "91 sender address holds a NUL");
  expect_nothing_left();
  EXPECT_TRUE(Id::parse(submit({.sender = std::string(1002, 'x')})));
}

TEST(Submit, SomebodyElsesInstanceIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs to be another user for a moment";
  TestQueue queue;
  ASSERT_EQ(::seteuid(12345), 0);
  auto submission = begin(queue.instance(), {});
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(submission);
  EXPECT_EQ(submission.error().code, 61);
  EXPECT_EQ(submission.error().error.text,
            "instance " + queue.path() + " belongs to owner (uid 0): run this as that user");
}

TEST(Code, FatesAreThoseOfTheProtocol) {
  for (int code = 0; code < 256; ++code) {
    const bool permanent = (code >= 11 && code <= 40) || code == 115;
    EXPECT_EQ(fate_of(code), permanent ? Fate::permanent : Fate::temporary) << code;
    EXPECT_THAT(text_of(code), StartsWith("queue: "));
  }
  EXPECT_EQ(text_of(53), "queue: disk full or write error (#4.3.0)");
  EXPECT_EQ(text_of(115), text_of(11));
  EXPECT_EQ(text_of(30), "queue: message refused (#5.3.0)");
  EXPECT_EQ(text_of(99), "queue: failed, code 99 (#4.3.0)");
}

TEST(Trigger, NobodyReading) {
  TestQueue queue;
  EXPECT_EQ(pull_trigger(queue.instance(), Id()).value(), false);
}

TEST(Trigger, ASubmissionTellsTheReader) {
  TestQueue queue;
  const auto fd = posix::open_at(queue.instance().folder(), "queue/trigger", O_RDWR | O_NONBLOCK);
  const Id first = queue.submit();
  const Id second = queue.submit();
  queue.submit("untold", kEnvelope, {.trigger = false});
  char room[4096];
  const std::size_t n = posix::read_some(fd->get(), room, "trigger").value();
  EXPECT_EQ(std::string(room, n), first.text() + "\n           " + second.text() + "\n           ");
  EXPECT_EQ(n, 2 * kTriggerOctets);
}

TEST(Trigger, AFullFifoIsToldEnough) {
  TestQueue queue;
  const auto fd = posix::open_at(queue.instance().folder(), "queue/trigger", O_RDWR | O_NONBLOCK);
  int told = 0;
  while (posix::write_all(fd->get(), trigger_record(Id()), "trigger")) ++told;
  EXPECT_GT(told, 100);
  EXPECT_EQ(pull_trigger(queue.instance(), Id()).value(), true);
}

TEST(Trigger, WithoutOneNobodyListensAndAWrongOneIsAnErrorAndTheMessageIsQueuedAnyway) {
  TestQueue queue;
  std::filesystem::remove(queue.path() + "/queue/trigger");
  EXPECT_EQ(pull_trigger(queue.instance(), Id()).value(), false);
  queue.submit();
  queue.write("trigger", "a regular file");
  EXPECT_FALSE(pull_trigger(queue.instance(), Id()));
  EXPECT_EQ(queue.text("trigger"), "a regular file");
}

TEST(Undeliverable, OnlyWithoutARemoteProgram) {
  TestQueue queue;
  const auto first = [&](std::vector<mail::Recipient> recipients) {
    return undeliverable(queue.instance(), {.recipients = std::move(recipients)}).value();
  };
  EXPECT_EQ(first({{"b@here.test"}, {"c@LOCALHOST"}, {"d"}}), std::nullopt);
  EXPECT_EQ(first({{"b@here.test"}, {"x@far.test"}, {"y@far.test"}}), "x@far.test");
  queue.folder().write("instance/control/remote", "pipe msmtp\n");
  EXPECT_EQ(first({{"x@far.test"}}), std::nullopt);
}

}  // namespace
}  // namespace porpoise::queue
