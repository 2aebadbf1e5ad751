// For tests: a fresh personal instance of this process's user, and messages in it.

#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include "instance/instance.h"
#include "posix/test_folder.h"
#include "queue/spool.h"
#include "queue/submit.h"

namespace porpoise::queue {

class TestQueue {
 public:
  TestQueue() {
    // Not by root's account: where the tests run as root, they own the instance all the same.
    const Owner owner{.name = "owner", .uid = ::geteuid(), .gid = ::getegid(), .home = top_.path()};
    EXPECT_TRUE(Instance::create(path(), owner, "here.test", [](const std::string&) {}));
    instance_ = Instance::open(path()).value();
    ::setenv("PORPOISE_NO_SEND", "1", 1);
  }

  std::string path() const { return top_.path("instance"); }
  const posix::TestFolder& folder() const { return top_; }
  const Instance& instance() const { return *instance_; }
  std::set<std::string> names(const std::string& place) const {
    return top_.names("instance/queue/" + place);
  }
  std::string text(const std::string& name) const { return top_.text("instance/queue/" + name); }
  void write(const std::string& name, const std::string& text) const {
    top_.write("instance/queue/" + name, text);
  }

  /// Queues a message; its id.
  Id submit(const std::string& content = "Subject: hi\n\nhello\n",
            const mail::Envelope& envelope = {.sender = "a@here.test",
                                              .recipients = {{"b@here.test", {}}}},
            const SubmitOptions& options = {}) const {
    auto submission = begin(instance(), options).value();
    EXPECT_TRUE(submission->write(content));
    return Id::parse(submission->finish(envelope).value()).value();
  }

 private:
  posix::TestFolder top_;
  std::optional<Instance> instance_;
};

}  // namespace porpoise::queue
