// A worker on a fresh queue, for tests.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <poll.h>
#include <string>
#include <vector>

#include "posix/file.h"
#include "posix/test_calls.h"
#include "queue/test_queue.h"
#include "send/worker.h"

namespace porpoise::send {

using queue::Event;
using queue::Id;
using queue::Kind;
using queue::Place;
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

}  // namespace porpoise::send
