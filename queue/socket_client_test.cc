#include "queue/socket_client.h"

#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <thread>

#include "posix/socket.h"
#include "queue/door.h"
#include "queue/frames.h"
#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

const mail::Envelope kEnvelope{.sender = "a@here.test", .recipients = {{"b@here.test", {}}}};

// Somebody who listens on run/submit of a test's instance, and what each connection gets.
class Listener {
 public:
  using Host = std::function<void(int socket)>;

  Listener(const TestQueue& queue, std::vector<Host> hosts)
      : run_(queue.instance().open_folder("run").value()),
        socket_(posix::listen_in(run_.get(), "submit", 0600).value()),
        thread_([this, hosts = std::move(hosts)] {
          for (const Host& host : hosts) {
            const posix::UniqueFd client(::accept(socket_.get(), nullptr, nullptr));
            host(client.get());
          }
        }) {}
  ~Listener() { thread_.join(); }

 private:
  posix::UniqueFd run_, socket_;
  std::thread thread_;
};

void leave(int) {}

// Reads until the commit has come; the content of it all.
std::string hear_all(int socket) {
  FrameReader reader;
  std::string content;
  char room[4096];
  for (;;) {
    const ssize_t n = ::recv(socket, room, sizeof room, 0);
    if (n <= 0) return content + " CUT";
    for (std::string_view in(room, static_cast<std::size_t>(n)); !in.empty();) {
      const FrameReader::Step step = reader.next(in);
      in.remove_prefix(step.taken);
      content += step.content;
      if (step.what == FrameReader::What::commit) return content + "|" + reader.take_envelope();
    }
  }
}

void say(int socket, const Answer& answer) {
  const std::string frame = encode(answer);
  (void)::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL);
}

Listener::Host answers(Answer answer) {
  return [answer = std::move(answer)](int socket) {
    (void)hear_all(socket);
    say(socket, answer);
  };
}

class SocketClientTest : public ::testing::Test {
 protected:
  std::string submit(const std::string& content = "hi\n", const SubmitOptions& options = {}) {
    auto submission = begin_over_socket(queue_.instance(), options);
    if (!submission) return shown(submission.error());
    if (auto done = (*submission)->write(content); !done) return shown(done.error());
    auto id = (*submission)->finish(kEnvelope);
    return id ? *id : shown(id.error());
  }
  static std::string shown(const SubmitError& error) {
    EXPECT_EQ(error.error.fate, fate_of(error.code));
    return fmt::format("{} {}", error.code, error.error.text);
  }
  TestQueue queue_;
};

const std::string kGone = "56 handing over the message: the other side has gone";
const std::string kUnknown = "74 the message was handed over, and no answer came: it may be queued";

TEST_F(SocketClientTest, AllThatWasWrittenComesOver) {
  for (const std::size_t octets : {0ul, 1ul, 65'536ul, 65'537ul, 1'000'000ul}) {
    const std::string content(octets, 'x');
    std::string got;
    const Listener listener(queue_, {[&](int socket) {
                              got = hear_all(socket);
                              say(socket, {.id = "theid"});
                            }});
    EXPECT_EQ(submit(content), "theid");
    EXPECT_EQ(got, content + "|" + mail::encode(kEnvelope).value()) << octets;
  }
}

TEST_F(SocketClientTest, AnAnswerIsTheErrorThatItWasThere) {
  const Listener listener(queue_, {answers({.code = 53, .text = "no room", .sys = ENOSPC})});
  auto submission = begin_over_socket(queue_.instance(), {}).value();
  const auto done = submission->finish(kEnvelope);
  ASSERT_FALSE(done);
  EXPECT_EQ(shown(done.error()), "53 no room");
  EXPECT_EQ(done.error().error.sys, ENOSPC);
  EXPECT_FALSE(submission->finish(kEnvelope));
  EXPECT_FALSE(submission->write("x"));
}

TEST_F(SocketClientTest, WhoIsToldToComeAgainComesAgain) {
  const Answer busy{.code = 71, .text = "busy", .try_again = true};
  const Listener listener(
      queue_, {answers(busy), [&](int socket) { say(socket, busy); }, answers({.id = "theid"})});
  EXPECT_EQ(submit(), "theid");
}

TEST_F(SocketClientTest, WhoeverIsRefusedForNowIsToldWhy) {
  const Listener listener(queue_, {answers({.code = 71, .text = "too many an hour"})});
  EXPECT_EQ(submit(), "71 too many an hour");
}

TEST_F(SocketClientTest, WithoutAnAnswerBehindTheCommitNobodyKnows) {
  const Listener listener(queue_, {[](int socket) { (void)hear_all(socket); }});
  EXPECT_EQ(submit(), kUnknown);
}

TEST_F(SocketClientTest, HalfAnAnswerIsNone) {
  const Listener listener(queue_, {[](int socket) {
                            (void)hear_all(socket);
                            const std::string frame = encode(Answer{.id = "theid"});
                            (void)::send(socket, frame.data(), frame.size() - 1, MSG_NOSIGNAL);
                          }});
  EXPECT_EQ(submit(), kUnknown);
}

TEST_F(SocketClientTest, LostInTheMiddleNothingIsQueued) {
  const Listener listener(queue_, {leave, leave});
  EXPECT_EQ(submit(std::string(10'000'000, 'x')), kGone);
  auto submission = begin_over_socket(queue_.instance(), {}).value();
  SubmitResult<> done;
  while (done) done = submission->write(std::string(100'000, 'x'));
  EXPECT_EQ(shown(done.error()), kGone);
}

TEST_F(SocketClientTest, ARefusalInTheMiddleIsHeard) {
  const Listener listener(
      queue_, {[](int socket) { say(socket, {.code = 71, .text = "uid 5 has too much"}); }});
  EXPECT_EQ(submit(std::string(10'000'000, 'x')), "71 uid 5 has too much");
}

// SIGTERM, held back and come already.
class ToldToEnd {
 public:
  ToldToEnd() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    (void)::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    (void)::pthread_kill(::pthread_self(), SIGTERM);
  }
  ~ToldToEnd() {
    const timespec none{};
    EXPECT_EQ(::sigtimedwait(&set_, nullptr, &none), SIGTERM) << "it is the caller's to take";
    (void)::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
  }
  ToldToEnd(const ToldToEnd&) = delete;
  ToldToEnd& operator=(const ToldToEnd&) = delete;

 private:
  sigset_t set_;
};

TEST_F(SocketClientTest, ASignalThatIsHeldBackEndsTheWaitForAStalledServer) {
  std::promise<void> done;
  const Listener listener(queue_, {[&](int) { done.get_future().wait(); }});
  {
    const ToldToEnd told;
    EXPECT_EQ(submit(std::string(4'000'000, 'x')), "71 told to end by a signal");
  }
  done.set_value();
}

TEST_F(SocketClientTest, BehindTheCommitASignalLeavesTheAnswerAMoment) {
  std::promise<void> done;
  const Listener listener(queue_, {answers({.id = "theid"}), [&](int socket) {
                                     (void)hear_all(socket);
                                     done.get_future().wait();
                                   }});
  {
    const ToldToEnd told;
    EXPECT_EQ(submit(), "theid");
    EXPECT_EQ(submit(), kUnknown);
  }
  done.set_value();
}

TEST_F(SocketClientTest, LimitsOfTheCallerHoldWithoutAnybodyThere) {
  EXPECT_EQ(submit("123456", {.max_octets = 5}), "31 message longer than 5 octets");
  EXPECT_EQ(submit("", {.id = Id::make(1, 1)}), "81 a notice is queued by the queue's owner");
}

TEST_F(SocketClientTest, ARealDoorQueuesIt) {
  posix::UniqueFd run = queue_.instance().open_folder("run").value();
  const posix::UniqueFd socket = posix::listen_in(run.get(), "submit", 0600).value();
  std::thread server([&] {
    auto door = Door::make(queue_.instance(), {}).value();
    ASSERT_TRUE(door->listen(socket.get()));
    while (queue_.names("incoming").size() < 2 || !door->empty()) door->turn();
  });
  EXPECT_TRUE(Id::parse(submit()));
  EXPECT_TRUE(Id::parse(submit(std::string(300'000, 'x'))));
  server.join();
}

TEST_F(SocketClientTest, RootWritesAsTheOwnerWhereNobodyListens) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string id = submit();
  ASSERT_TRUE(Id::parse(id)) << id;
  const auto file = Spool::open(queue_.instance())->open_file(*Id::parse(id), File::Access::read);
  EXPECT_EQ(file->meta().uid, 0u);
  EXPECT_EQ(submit(std::string(1'000'000, 'x')).size(), Id::kLength);
  EXPECT_EQ(queue_.names("incoming").size(), 2u);
}

}  // namespace
}  // namespace porpoise::queue
