#include "send/bounce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "posix/file.h"
#include "posix/test_calls.h"
#include "queue/test_queue.h"
#include "send/description.h"

namespace porpoise::send {
namespace {

using queue::Event;
using queue::Id;
using queue::Kind;
using ::testing::HasSubstr;
namespace test_calls = posix::test_calls;

posix::UniqueFd memory(std::string_view text) {
  posix::UniqueFd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_TRUE(posix::write_all(fd.get(), text, "test"));
  return fd;
}

std::string described(std::string_view octets) {
  const posix::UniqueFd fd = memory(octets);
  DescriptionReader reader(fd.get());
  const auto about = reader.begin();
  if (!about) return "error: " + about.error().text;
  std::string text = fmt::format("{} {}", about->sender, about->arrival_us);
  for (;;) {
    const auto failure = reader.next();
    if (!failure) return "error: " + failure.error().text;
    if (!*failure) return text;
    text += fmt::format(" [{}: {}]", (*failure)->address, (*failure)->text);
  }
}

std::string_view operator""_n(const char* text, std::size_t size) {
  return {text, size};
}

TEST(Description, IsReadFieldByField) {
  EXPECT_EQ(described("a@b\0"
                      "12\0"
                      "x@y\0why\0z@y\0\0"_n),
            "a@b 12 [x@y: why] [z@y: ]");
  EXPECT_EQ(described("\0"
                      "12\0"_n),
            " 12");
}

TEST(Description, WhatIsNotWholeIsAnError) {
  EXPECT_EQ(described(""), "error: the description of a notice ends too early");
  EXPECT_EQ(described("a@b"), "error: the description of a notice ends too early");
  EXPECT_EQ(described("a@b\0"_n), "error: the description of a notice ends too early");
  EXPECT_EQ(described("a@b\0x\0"_n), "error: the description of a notice: no arrival time");
  EXPECT_EQ(described("a@b\0"
                      "1\0x"_n),
            "error: the description of a notice ends too early");
  EXPECT_EQ(described("a@b\0"
                      "1\0x\0"_n),
            "error: the description of a notice ends too early");
  EXPECT_EQ(described(std::string(20000, 'x') + '\0'),
            "error: the description of a notice: a field is too long");
}

TEST(Description, OfManyIsReadTwice) {
  std::string octets(
      "a@b\0"
      "1\0"_n);
  for (int i = 0; i < 3000; ++i) octets += fmt::format("r{}@h{}because{}", i, '\0', '\0');
  const posix::UniqueFd fd = memory(octets);
  DescriptionReader reader(fd.get());
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(reader.begin());
    int count = 0;
    for (auto f = reader.next(); f && *f; f = reader.next()) {
      ASSERT_EQ((*f)->address, fmt::format("r{}@h", count++));
    }
    EXPECT_EQ(count, 3000);
  }
}

class BounceTest : public ::testing::Test {
 protected:
  // A message of which the recipients `failures` say so, with an open intent.
  Id failed_message(const std::string& sender, const std::vector<std::string>& failures,
                    const std::string& content = "Message-ID: <1@x>\nSubject: hi\n\nhello\n") {
    mail::Envelope envelope;
    envelope.sender = sender;
    for (std::size_t i = 0; i < failures.size(); ++i) {
      envelope.recipients.push_back({fmt::format("r{}@here.test", i), {}});
    }
    const Id id = queue_.submit(content, envelope);
    queue::File file = open(id);
    Event intent;
    intent.kind = Kind::intent;
    intent.notice = notice_;
    for (std::uint32_t i = 0; i < failures.size(); ++i) {
      Event event;
      event.kind = Kind::failed;
      event.recipients = {i};
      event.text = failures[i];
      EXPECT_TRUE(file.append({event}));
      intent.recipients.push_back(i);
    }
    EXPECT_TRUE(file.append({intent}));
    EXPECT_TRUE(file.sync());
    return id;
  }

  queue::File open(const Id& id) {
    const queue::Spool spool = queue::Spool::open(queue_.instance()).value();
    return spool.open_file(id, queue::File::Access::append).value();
  }

  Result<> run(const Id& about) {
    const queue::Spool spool = queue::Spool::open(queue_.instance()).value();
    const queue::File file = spool.open_file(about, queue::File::Access::read).value();
    const posix::UniqueFd description = describe_failures(file, notice_).value();
    const posix::UniqueFd copy = spool.copy_content(file).value();
    const posix::UniqueFd content = queue::Spool::reopen(copy.get()).value();
    return bounce(queue_.instance(), {notice_, about, content.get(), description.get()});
  }

  std::string notice_text() {
    const queue::File file = open(notice_);
    std::string text(file.header().content_octets, '\0');
    EXPECT_TRUE(posix::read_at(file.fd(), text, static_cast<off_t>(file.content_offset()), ""));
    return text;
  }

  queue::TestQueue queue_;
  const Id notice_ = Id::make(1'800'000'000'000'000, 77);
};

TEST_F(BounceTest, QueuesANoticeUnderItsIdToTheSender) {
  const Id about = failed_message("alice@here.test", {"no such user (#5.1.1)", "later: never"});
  ASSERT_TRUE(run(about));
  const queue::File file = open(notice_);
  EXPECT_EQ(file.meta().envelope.sender, "");
  ASSERT_EQ(file.meta().envelope.recipients.size(), 1u);
  EXPECT_EQ(file.meta().envelope.recipients[0].address, "alice@here.test");
  EXPECT_EQ(file.meta().notice_about, about);
  const std::string text = notice_text();
  EXPECT_THAT(text, HasSubstr("\n<r0@here.test>:\nno such user (#5.1.1)\n\n<r1@here.test>:\n"));
  EXPECT_THAT(text, HasSubstr("\nIn-Reply-To: <1@x>\n"));
  EXPECT_THAT(text, HasSubstr(" for bounce); "));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("hello")));
}

TEST_F(BounceTest, ASecondRunUnderThatIdIsSuccessAfterTheSync) {
  const Id about = failed_message("alice@here.test", {"no"});
  ASSERT_TRUE(run(about));
  const std::string before = queue_.text("incoming/" + notice_.text());
  test_calls::Scope calls;
  ASSERT_TRUE(run(about));
  EXPECT_EQ(calls.log.back(), "fsync");
  EXPECT_EQ(queue_.text("incoming/" + notice_.text()), before);
  calls.fail("fsync", EIO);
  EXPECT_FALSE(run(about));
}

TEST_F(BounceTest, WithoutASenderThePostmasterIsTold) {
  const Id about = failed_message("", {"no"});
  ASSERT_TRUE(run(about));
  const queue::File file = open(notice_);
  EXPECT_EQ(file.meta().envelope.sender, "#@[]");
  EXPECT_EQ(file.meta().envelope.recipients[0].address, "postmaster@here.test");
}

TEST_F(BounceTest, ControlFilesSayWhoIsToldAndWhoTells) {
  queue_.folder().write("instance/control/doublebounceto", "ops\n");
  queue_.folder().write("instance/control/doublebouncehost", "ops.test\n");
  queue_.folder().write("instance/control/bouncefrom", "nobody\n");
  queue_.folder().write("instance/control/bouncehost", "b.test\n");
  const Id about = failed_message("", {"no"});
  ASSERT_TRUE(run(about));
  EXPECT_EQ(open(notice_).meta().envelope.recipients[0].address, "ops@ops.test");
  EXPECT_THAT(notice_text(), HasSubstr("\nFrom: nobody@b.test\n"));
}

TEST_F(BounceTest, VerpSendersAreToldWithoutTheMark) {
  ASSERT_TRUE(run(failed_message("own-@here.test-@[]", {"no"})));
  EXPECT_EQ(open(notice_).meta().envelope.recipients[0].address, "own-@here.test");
}

TEST_F(BounceTest, NobodyIsToldAboutADoubleBounce) {
  const Id about = failed_message("#@[]", {"no"});
  const Result<> done = run(about);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fate, Fate::permanent);
  EXPECT_EQ(done.error().text,
            "message " + about.text() + " is a double bounce: there is nobody to tell");
  EXPECT_EQ(queue_.names("incoming").size(), 1u);
}

TEST_F(BounceTest, AHugeHeaderIsCutAtALine) {
  std::string header;
  while (header.size() < kMaxHeaderOctets + 1000)
    header += "X-Filler: " + std::string(60, 'x') + "\n";
  ASSERT_TRUE(run(failed_message("a@here.test", {"no"}, header + "\nbody\n")));
  const std::string text = notice_text();
  EXPECT_LT(text.size(), kMaxHeaderOctets + 4000);
  EXPECT_THAT(text, HasSubstr("x\nX-Porpoise-Notice: the rest of the header is left out\n"));
}

TEST_F(BounceTest, EightBitTextIsDeclared) {
  ASSERT_TRUE(run(failed_message("a@here.test", {"nö"})));
  EXPECT_THAT(notice_text(), HasSubstr("Content-Transfer-Encoding: 8bit"));
}

TEST_F(BounceTest, WhereItCannotBeQueuedNothingIsLeft) {
  const Id about = failed_message("a@here.test", {"no"});
  test_calls::Scope calls;
  for (const int sync : {1, 2}) {
    calls.log.clear();
    calls.fail("fsync", EIO, sync);
    EXPECT_FALSE(run(about));
    EXPECT_FALSE(queue_.names("incoming").contains(notice_.text()));
  }
}

TEST_F(BounceTest, AnIntentThatIsNotOpenDescribesNothing) {
  const Id about = queue_.submit();
  const auto description = describe_failures(open(about), notice_);
  ASSERT_FALSE(description);
  EXPECT_EQ(description.error().sys, ENOENT);
}

}  // namespace
}  // namespace porpoise::send
