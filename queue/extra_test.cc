#include "queue/extra.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ExtraTest : public ::testing::Test {
 protected:
  void set(const std::string& text) { queue_.folder().write("instance/control/queueextra", text); }
  // The recipients of a message that is queued with this content.
  std::vector<std::string> recipients(const std::string& content,
                                      const mail::Envelope& envelope = kOne) {
    const Id id = queue_.submit(content, envelope);
    const File file =
        Spool::open(queue_.instance()).value().open_file(id, File::Access::read).value();
    std::vector<std::string> list;
    for (const mail::Recipient& r : file.meta().envelope.recipients) {
      std::string text = r.address;
      for (const auto& [name, value] : r.parameters) text += fmt::format(" {}={}", name, value);
      list.push_back(text);
    }
    return list;
  }
  static inline const mail::Envelope kOne{.sender = "a@here.test",
                                          .recipients = {{"b@here.test", {}}}};
  static constexpr const char* kLog = "log@here.test NOTIFY=NEVER";
  TestQueue queue_;
};

TEST_F(ExtraTest, NobodyIsAddedWithoutTheFile) {
  EXPECT_THAT(recipients("Subject: x\n\n"), ElementsAre("b@here.test"));
}

TEST_F(ExtraTest, EachEntryIsAddedAndHearsNothingOfFailures) {
  set("log@here.test\n# not this\narchive\n");
  EXPECT_THAT(recipients("Subject: x\n\n"),
              ElementsAre("b@here.test", kLog, "archive NOTIFY=NEVER"));
}

TEST_F(ExtraTest, NoticesAreCopiedToo) {
  set("log@here.test\n");
  EXPECT_THAT(recipients("Subject: failure\n\n", {.sender = "", .recipients = {{"a@here.test"}}}),
              ElementsAre("a@here.test", kLog));
}

TEST_F(ExtraTest, WhoGetsItAnywayIsNotAddedAgain) {
  set("Log@HERE.test\nb\n");
  const mail::Envelope two{.sender = "a@here.test",
                           .recipients = {{"b@here.test", {}}, {"log@here.test", {}}}};
  EXPECT_THAT(recipients("Subject: x\n\n", two), ElementsAre("b@here.test", "log@here.test"));
}

TEST_F(ExtraTest, WhatComesBackFromThereIsNotCopiedAgain) {
  set("log@here.test\n");
  for (const char* field : {"Delivered-To: log@here.test", "DELIVERED-TO:log@here.test",
                            "delivered-to: \t LOG@here.test \r"}) {
    const std::string content = fmt::format("X: y\n{}\nSubject: x\n\nbody\n", field);
    EXPECT_THAT(recipients(content), ElementsAre("b@here.test")) << field;
  }
  set("log\n");
  EXPECT_THAT(recipients("Delivered-To: log@anywhere.test\n\n"), ElementsAre("b@here.test"));
}

TEST_F(ExtraTest, OthersAndTheBodyAreNoSignOfThat) {
  set("log@here.test\n");
  for (const char* content :
       {"Delivered-To: b@here.test\n\n", "X-Delivered-To: log@here.test\n\n",
        "Subject: x\n\nDelivered-To: log@here.test\n", "\nDelivered-To: log@here.test\n",
        "Subject: x\n Delivered-To: log@here.test\n\n", "Delivered-To: log@here.test.org\n\n"}) {
    EXPECT_THAT(recipients(content), ElementsAre("b@here.test", kLog)) << content;
  }
}

TEST_F(ExtraTest, TheFieldIsSeenHoweverTheContentComesInPieces) {
  set("log@here.test\n");
  const std::string content = std::string(5000, 'x') + ": y\nDelivered-To: log@here.test\n\nhi\n";
  for (const std::size_t size : {1u, 7u, 4096u}) {
    ExtraRecipients extra = ExtraRecipients::load(queue_.instance().folder()).value();
    for (std::size_t at = 0; at < content.size(); at += size) {
      extra.look_at(std::string_view(content).substr(at, size));
    }
    EXPECT_EQ(extra.added_to(kOne).recipients.size(), 1u) << size;
  }
}

TEST_F(ExtraTest, AFileThatIsWrongIsA55AndNamed) {
  const auto refused = [&](const std::string& text) {
    set(text);
    const auto submission = begin(queue_.instance(), {});
    EXPECT_FALSE(submission);
    EXPECT_EQ(submission.error().code, 55);
    return submission.error().error.text;
  };
  EXPECT_EQ(refused("ok@here.test\n" + std::string(1003, 'x') + "\n"),
            "control/queueextra: line 2: no address");
  std::string many;
  for (int i = 0; i < 11; ++i) many += fmt::format("log-{}\n", i);
  EXPECT_EQ(refused(many), "control/queueextra: more than 10");
  EXPECT_TRUE(queue_.names("tmp").empty());
}

}  // namespace
}  // namespace porpoise::queue
