#include "queue/door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>

#include "queue/record.h"
#include "queue/test_queue.h"

using namespace std::string_literals;

namespace porpoise::queue {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr uid_t kAlice = 54321;  // a stranger: not the owner, and not root

std::string frame(Frame kind, std::string_view payload) {
  return frame_head(kind, payload.size()) + std::string(payload);
}

const std::string kHello = encode(Hello{}).value();
const std::string kEnvelope = "Fa@here.test\0Tb@here.test\0\0"s;

std::string whole(std::string_view content = "hi\n", const std::string& hello = kHello,
                  std::string_view envelope = kEnvelope) {
  return hello + frame(Frame::content, content) + frame(Frame::envelope, envelope) +
         frame(Frame::commit, "");
}

class DoorTest : public ::testing::Test {
 protected:
  // A client that has entered.
  struct Client {
    posix::UniqueFd socket;
    void say(std::string_view octets) const {
      ASSERT_EQ(::send(socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(octets.size()));
    }
  };
  Client enter(uid_t uid, std::string_view says = "") {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    Client client{posix::UniqueFd(ends[0])};
    if (!says.empty()) client.say(says);
    door().enter(posix::UniqueFd(ends[1]), uid);
    return client;
  }
  // What it is told; an answer of code -1: the connection has ended without one.
  Answer answer(const Client& client) {
    char room[16384];
    for (;;) {
      const ssize_t n = ::recv(client.socket.get(), room, sizeof room, MSG_DONTWAIT);
      if (n > 0) return decode_answer({room, static_cast<std::size_t>(n)}).value();
      if (n == 0 || errno != EAGAIN) return {.code = -1};
      if (door().empty()) return {.code = -2};
      door().turn();
    }
  }
  std::string told(const Client& client) {
    const Answer got = answer(client);
    return fmt::format("{} {}", got.code, got.code == 0 ? got.id : got.text);
  }
  void settle() {
    while (!door().empty()) door().turn();
  }
  Door& door() {
    if (!door_) door_ = Door::make(queue_.instance(), limits_).value();
    return *door_;
  }
  Result<File> file(const std::string& id) {
    return Spool::open(queue_.instance())->open_file(Id::parse(id).value(), File::Access::read);
  }
  std::set<std::string> queued() const { return queue_.names("incoming"); }

  TestQueue queue_;
  SubmitLimits limits_;
  std::unique_ptr<Door> door_;
};

TEST_F(DoorTest, AMessageIsQueuedForWhomTheKernelNames) {
  const Client client = enter(kAlice, whole("Subject: x\n\nhi\n"));
  const Answer got = answer(client);
  ASSERT_EQ(got.code, 0);
  const Result<File> queued = file(got.id);
  ASSERT_TRUE(queued) << queued.error().text;
  EXPECT_EQ(queued->meta().uid, kAlice);
  EXPECT_EQ(queued->meta().envelope.sender, "a@here.test");
  const std::string content = queue_.text("incoming/" + got.id).substr(Header::kOctets);
  EXPECT_THAT(content,
              StartsWith(fmt::format("Received: (porpoise {} invoked by uid 54321); ", got.id)));
  EXPECT_THAT(content, HasSubstr("\nSubject: x\n\nhi\n"));
  settle();
  EXPECT_THAT(queue_.names("tmp"), IsEmpty());
}

TEST_F(DoorTest, CutAnywhereNothingIsQueued) {
  const std::string all = whole();
  for (std::size_t cut = 0; cut < all.size(); ++cut) {
    enter(kAlice, std::string_view(all).substr(0, cut)).socket.reset();
    settle();
    EXPECT_THAT(queued(), IsEmpty()) << cut;
  }
  EXPECT_THAT(queue_.names("tmp"), IsEmpty());
}

TEST_F(DoorTest, APieceAtATimeIsTheSame) {
  const std::string all = whole();
  const Client client = enter(kAlice);
  for (std::size_t at = 0; at + 1 < all.size(); ++at) {
    client.say(std::string_view(all).substr(at, 1));
    door().turn();
  }
  EXPECT_THAT(queued(), IsEmpty());
  client.say(std::string_view(all).substr(all.size() - 1));
  EXPECT_EQ(answer(client).code, 0);
}

TEST_F(DoorTest, ALargeMessageIsWrittenAsItComes) {
  const std::string piece(60'000, 'x');
  const Client client = enter(kAlice, kHello);
  std::thread talker([&] {
    for (int i = 0; i < 20; ++i) client.say(frame(Frame::content, piece));
    client.say(frame(Frame::envelope, kEnvelope) + frame(Frame::commit, ""));
  });
  const Answer got = answer(client);
  talker.join();
  ASSERT_EQ(got.code, 0) << got.text;
  const Result<File> queued = file(got.id);
  const std::string content =
      queue_.text("incoming/" + got.id).substr(Header::kOctets, queued->header().content_octets);
  EXPECT_EQ(content.size() - content.find('\n') - 1, 20 * piece.size());
  EXPECT_EQ(queued->meta().content_crc, crc32c(0, content));
}

TEST_F(DoorTest, ALargeMessageThatIsGivenUpLeavesNothing) {
  ::setenv("PORPOISE_NAMED_FILES", "1", 1);
  Client client = enter(kAlice, kHello + frame(Frame::content, std::string(65'536, 'x')));
  while (queue_.names("tmp").empty()) door().turn();
  client.socket.reset();
  settle();
  door_.reset();
  ::unsetenv("PORPOISE_NAMED_FILES");
  EXPECT_THAT(queue_.names("tmp"), IsEmpty());
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(DoorTest, EnvelopesHaveTheCodesTheyHaveDirectly) {
  EXPECT_EQ(told(enter(kAlice, whole("x", kHello, "Fa\0Tb\0"s))),
            "54 reading the envelope: it ends before its final NUL");
  EXPECT_EQ(told(enter(kAlice, whole("x", kHello, "Fa\0Xb\0\0"s))),
            "91 envelope record 2: unknown letter 'X'");
  EXPECT_EQ(told(enter(kAlice, whole("x", kHello, "Fa\0\0x"s))),
            "91 envelope: something follows its final NUL");
  EXPECT_EQ(told(enter(kAlice, whole("x", kHello, "F" + std::string(1003, 'x') + "\0\0"s))),
            "11 envelope record 1: address too long");
  EXPECT_EQ(told(enter(kAlice, whole("x", kHello, "Fa\0\0"s))).substr(0, 2), "0 ");
  EXPECT_EQ(queued().size(), 1u);
}

TEST_F(DoorTest, NonsenseIsToldSo) {
  EXPECT_EQ(told(enter(kAlice, "HELO there\r\n")), "81 no submission: frame 72 of 5196869 octets");
  EXPECT_EQ(told(enter(kAlice, "\n\n\n\n")), "81 no submission: frame 10 out of place");
  EXPECT_THAT(queued(), IsEmpty());
}

TEST_F(DoorTest, OnlyTheInstancesOwnMaySayWhatTheReceivedLineSays) {
  const std::string note = encode(Hello{.received_note = "for bounce"}).value();
  const std::string session =
      encode(Hello{.received =
                       ReceivedClauses{.from = "f", .by = "h", .with = "SMTP", .recipient = ""}})
          .value();
  const auto received = [&](uid_t uid, const std::string& hello) {
    const Answer got = answer(enter(uid, whole("x", hello)));
    const std::string content = queue_.text("incoming/" + got.id).substr(Header::kOctets);
    return content.substr(0, content.find(';'));
  };
  EXPECT_THAT(received(kAlice, note), HasSubstr(" invoked by uid 54321)"));
  EXPECT_THAT(received(0, note), HasSubstr(" for bounce)"));
  EXPECT_THAT(received(kAlice, session),
              StartsWith("Received: from f\n  by h (handed in by uid 54321) with SMTP id "));
  EXPECT_THAT(received(0, session), StartsWith("Received: from f\n  by h with SMTP id "));
}

TEST_F(DoorTest, OverALimitIsLater) {
  limits_.anybody = {.connections = 2, .messages = 2, .octets = 50, .hourly = 0};
  Client held = enter(kAlice, kHello);
  EXPECT_EQ(told(enter(kAlice, whole(std::string(60, 'x')))),
            "71 uid 54321 would have more than 50 octets in the queue");
  Client other = enter(kAlice, kHello);
  EXPECT_EQ(told(enter(kAlice)), "71 uid 54321 has 2 connections, and may have no more");
  other.socket.reset();
  while (told(enter(kAlice, whole())).starts_with("71")) door().turn();
  EXPECT_EQ(told(enter(kAlice, whole())),
            "71 uid 54321 has 2 messages in the queue, and may have no more");
  EXPECT_EQ(answer(enter(kAlice + 1, whole())).code, 0);
  EXPECT_EQ(queued().size(), 2u);
}

TEST_F(DoorTest, WhenAllConnectionsAreTakenTheOldestGoesAndTheYoungStay) {
  limits_.connections = 2;
  limits_.kept_connections = 0;
  limits_.crowded_s = 3600;
  const Client first = enter(kAlice, kHello);
  const Client second = enter(kAlice + 1, kHello);
  EXPECT_EQ(told(enter(kAlice + 2, whole())), "71 all 2 connections are taken");
  door_.reset();
  limits_.crowded_s = 0;
  const Client own = enter(0, kHello);
  const Client old = enter(kAlice, kHello);
  EXPECT_EQ(answer(enter(kAlice + 2, whole())).code, 0);
  EXPECT_EQ(told(old), "71 all connections are taken, and this one is old");
  own.say(whole().substr(kHello.size()));
  EXPECT_EQ(answer(own).code, 0) << "the instance's own stay";
}

TEST_F(DoorTest, MemoryIsBounded) {
  limits_.uid_memory_octets = 1000;
  const Client client = enter(kAlice, kHello + frame(Frame::envelope, std::string(900, 'x')));
  const Client second = enter(kAlice, kHello + frame(Frame::envelope, std::string(101, 'x')));
  const Answer got = answer(second);
  EXPECT_EQ(got.code, 71);
  EXPECT_EQ(got.text, "messages of uid 54321 take too much memory");
  EXPECT_TRUE(got.try_again);
  EXPECT_EQ(answer(enter(kAlice + 1, whole())).code, 0);
}

TEST_F(DoorTest, ADescriptorThatComesAlongIsClosed) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const Client client = enter(kAlice);
  const std::string says = whole();
  iovec piece{const_cast<char*>(says.data()), says.size()};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = room;
  header.msg_controllen = sizeof room;
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(control), &pipe[1], sizeof(int));
  ASSERT_GT(::sendmsg(client.socket.get(), &header, 0), 0);
  ::close(pipe[1]);
  EXPECT_EQ(answer(client).code, 0);
  char octet;
  EXPECT_EQ(::read(pipe[0], &octet, 1), 0);
  ::close(pipe[0]);
}

TEST_F(DoorTest, WhenItIsStoppedNobodyIsLeftWithoutAnAnswer) {
  const Client half = enter(kAlice, kHello + frame(Frame::content, "x"));
  const Client silent = enter(kAlice);
  const Client done = enter(kAlice, whole());
  door().stop();
  settle();
  for (const Client* client : {&half, &silent}) {
    const Answer got = answer(*client);
    EXPECT_EQ(got.text, "queue is being stopped");
    EXPECT_EQ(got.code, 71);
    EXPECT_TRUE(got.try_again);
  }
  EXPECT_EQ(answer(done).code, 0);
  EXPECT_EQ(queued().size(), 1u);
}

TEST_F(DoorTest, ASilentClientIsSentAway) {
  queue_.folder().write("instance/control/timeoutsubmit", "1\n");
  limits_.idle_s = 1;
  EXPECT_EQ(told(enter(kAlice, kHello)), "52 reading: nothing came for 1 seconds");
}

TEST_F(DoorTest, WhatCannotBeWrittenIsToldWithItsCode) {
  (void)door();
  std::filesystem::remove(queue_.path() + "/queue/tmp");
  EXPECT_EQ(told(enter(kAlice, whole())).substr(0, 12), "63 creating ");
}

TEST_F(DoorTest, WhatWasThereBeforeCounts) {
  queue_.submit();
  limits_.of_uid[::getuid()] = {.octets = 30};  // less than there is, and more than one
  door().count_what_is_there();
  const Client waits = enter(kAlice);  // so that turn() comes back
  char room[1000];
  ssize_t n;
  do {
    const Client client = enter(::getuid(), kHello + frame(Frame::content, "x"));
    n = ::recv(client.socket.get(), room, sizeof room, MSG_DONTWAIT);
    door().turn();
  } while (n < 0);
  EXPECT_EQ(decode_answer({room, static_cast<std::size_t>(n)})->text,
            fmt::format("uid {} would have more than 30 octets in the queue", ::getuid()));
}

TEST(Census, ReadsTheSubmitterOfAMessageAndOfNothingElse) {
  TestQueue queue;
  const std::string content(100'000, 'x');
  const Id id = queue.submit(content);
  const auto path = [&](const std::string& name) { return queue.path() + "/queue/" + name; };
  const auto in = [&](const std::string& name) {
    return submitter_in(posix::open_at(posix::kHere, path(name), O_RDONLY)->get());
  };
  const auto found = in("incoming/" + id.text());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first, ::getuid());
  EXPECT_GT(found->second, content.size());
  const std::string octets = queue.text("incoming/" + id.text());
  for (const std::size_t cut : {0ul, 79ul, 80ul, found->second + 80, found->second + 100}) {
    queue.write("cut", octets.substr(0, cut));
    EXPECT_FALSE(in("cut")) << cut;
  }
}

}  // namespace
}  // namespace porpoise::queue
