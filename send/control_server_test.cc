#include "send/control_server.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "posix/file.h"
#include "posix/socket.h"
#include "queue/control_client.h"
#include "queue/test_queue.h"

namespace porpoise::send {
namespace {

class ControlServerTest : public ::testing::Test {
 protected:
  void SetUp() override { server_ = ControlServer::listen(queue_.instance()).value(); }

  // Serves whatever is ready, until nothing is.
  void serve() {
    for (;;) {
      std::vector<pollfd> wanted;
      server_->add_to(wanted);
      if (::poll(wanted.data(), wanted.size(), 0) <= 0) return;
      server_->serve(wanted, answer_);
    }
  }
  posix::UniqueFd connect() {
    const auto run = queue_.instance().open_folder("run").value();
    posix::UniqueFd fd = posix::connect_in(run.get(), "control").value();
    EXPECT_TRUE(posix::set_nonblocking(fd.get()));
    return fd;
  }
  posix::UniqueFd connect_as(const ControlServer::Peer& peer) {
    posix::SocketPair pair = posix::message_pair().value();
    EXPECT_TRUE(posix::set_nonblocking(pair.ours.get()));
    EXPECT_TRUE(posix::set_nonblocking(pair.theirs.get()));
    server_->add(std::move(pair.theirs), peer);
    return std::move(pair.ours);
  }
  static void say(const posix::UniqueFd& fd, std::string_view text) {
    EXPECT_TRUE(posix::write_all(fd.get(), text, "test"));
  }
  static std::string heard(const posix::UniqueFd& fd) {
    char room[65536];
    const Result<std::size_t> n = posix::read_some(fd.get(), room, "test");
    if (!n) return n.error().sys == EAGAIN ? "nothing" : "reset";
    return *n == 0 ? "end" : std::string(room, *n);
  }
  // As ask_send sees it.
  std::string asked(const std::string& line) {
    std::string answer;
    std::atomic<bool> over = false;
    std::thread client([&] {
      const Result<std::string> got = queue::ask_send(queue_.instance(), line);
      answer = got ? *got : "error: " + got.error().text;
      over = true;
    });
    while (!over) {
      std::vector<pollfd> wanted;
      server_->add_to(wanted);
      if (::poll(wanted.data(), wanted.size(), 10) > 0) server_->serve(wanted, answer_);
    }
    client.join();
    return answer;
  }

  queue::TestQueue queue_;
  std::optional<ControlServer> server_;
  ControlServer::Answer answer_ = [](const ControlServer::Peer&, std::string_view c) {
    return "+OK " + std::string(c) + "\n";
  };
};

TEST_F(ControlServerTest, AnswersLinesInAnyPieces) {
  const posix::UniqueFd fd = connect();
  say(fd, "pi");
  serve();
  EXPECT_EQ(heard(fd), "nothing");
  say(fd, "ng\nretry\nst");
  serve();
  EXPECT_EQ(heard(fd), "+OK ping\n+OK retry\n");
}

TEST_F(ControlServerTest, AClientThatSaysNothingOrTooMuchBlocksNobody) {
  const posix::UniqueFd quiet = connect();
  const posix::UniqueFd loud = connect();
  const posix::UniqueFd other = connect();
  say(loud, std::string(5000, 'x'));
  say(other, "ping\n");
  serve();
  EXPECT_EQ(heard(other), "+OK ping\n");
  EXPECT_NE(heard(loud), "nothing");
  EXPECT_EQ(heard(quiet), "nothing");
}

TEST_F(ControlServerTest, AClientThatDoesNotReadIsDropped) {
  answer_ = [](const ControlServer::Peer&, std::string_view) {
    return std::string(30'000, 'x') + "\n";
  };
  const posix::UniqueFd fd = connect();
  say(fd, "a\nb\nc\nd\n");
  serve();
  const posix::UniqueFd other = connect();
  answer_ = [](const ControlServer::Peer&, std::string_view) { return "+OK\n"; };
  say(other, "x\n");
  serve();
  EXPECT_EQ(heard(other), "+OK\n");
}

TEST_F(ControlServerTest, WithTooManyClientsTheOldestHasToGo) {
  std::vector<posix::UniqueFd> clients;
  for (std::size_t i = 0; i < ControlServer::kMaxClients + 1; ++i) {
    clients.push_back(connect());
    serve();
  }
  EXPECT_EQ(heard(clients.front()), "end");
  EXPECT_EQ(heard(clients[1]), "nothing");
  say(clients.back(), "ping\n");
  serve();
  EXPECT_EQ(heard(clients.back()), "+OK ping\n");
}

TEST_F(ControlServerTest, AUidHasFewConnectionsAndPushesOutNobodyElse) {
  const ControlServer::Peer eve{.uid = 50003, .may_do_all = false};
  const ControlServer::Peer bob{.uid = 50002, .may_do_all = false};
  const posix::UniqueFd owner = connect();
  serve();
  const posix::UniqueFd bobs = connect_as(bob);
  std::vector<posix::UniqueFd> eves;
  for (int i = 0; i < 200; ++i) eves.push_back(connect_as(eve));
  EXPECT_EQ(heard(eves.front()), "end");
  EXPECT_EQ(heard(eves[195]), "end");
  for (const posix::UniqueFd* fd :
       std::vector<const posix::UniqueFd*>{&owner, &bobs, &eves[196], &eves.back()}) {
    say(*fd, "ping\n");
    serve();
    EXPECT_EQ(heard(*fd), "+OK ping\n");
  }
}

TEST_F(ControlServerTest, ManyUidsPushOutEachOtherAndNeverTheOwner) {
  const posix::UniqueFd owner = connect();
  serve();
  std::vector<posix::UniqueFd> others;
  for (uid_t uid = 50000; uid < 50000 + ControlServer::kMaxClients; ++uid) {
    others.push_back(connect_as({.uid = uid, .may_do_all = false}));
  }
  EXPECT_EQ(heard(others.front()), "end");
  EXPECT_EQ(heard(others[1]), "nothing");
  say(owner, "ping\n");
  serve();
  EXPECT_EQ(heard(owner), "+OK ping\n");
}

TEST_F(ControlServerTest, AUidMayAskOnlySoMuch) {
  std::int64_t now = 1'000'000'000;
  server_->use_clock([&] { return now; });
  int asked = 0;
  answer_ = [&](const ControlServer::Peer&, std::string_view) {
    ++asked;
    return std::string("+OK\n");
  };
  const ControlServer::Peer eve{.uid = 50003, .may_do_all = false};
  // A new connection is no new allowance.
  for (int i = 0; i < ControlServer::kCommandsAtOnce; ++i) {
    const posix::UniqueFd fd = connect_as(eve);
    say(fd, "ping\n");
    serve();
    EXPECT_EQ(heard(fd), "+OK\n");
  }
  const posix::UniqueFd fd = connect_as(eve);
  say(fd, "ping\nping\n");
  serve();
  const std::string later = "-ERR too many commands, try again later\n";
  EXPECT_EQ(heard(fd), later + later);
  EXPECT_EQ(asked, ControlServer::kCommandsAtOnce);

  const posix::UniqueFd bob = connect_as({.uid = 50002, .may_do_all = false});
  say(bob, "ping\n");
  serve();
  EXPECT_EQ(heard(bob), "+OK\n");
  now += ControlServer::kCommandEveryUs;
  say(fd, "ping\nping\n");
  serve();
  EXPECT_EQ(heard(fd), "+OK\n" + later);
}

TEST_F(ControlServerTest, TheOwnerMayAskAlways) {
  const posix::UniqueFd fd = connect();
  for (int i = 0; i < 3 * ControlServer::kCommandsAtOnce; ++i) {
    say(fd, "ping\n");
    serve();
    EXPECT_EQ(heard(fd), "+OK ping\n");
  }
}

TEST_F(ControlServerTest, TellsWhoAsks) {
  answer_ = [](const ControlServer::Peer& peer, std::string_view) {
    return fmt::format("{} {}\n", peer.uid, peer.may_do_all);
  };
  EXPECT_EQ(asked("ping"), fmt::format("{} true\n", ::getuid()));
}

TEST_F(ControlServerTest, ItsSocketIsTheOwnersOnly) {
  const auto path = queue_.path() + "/run/control";
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::mask,
            std::filesystem::perms(0600));
}

TEST_F(ControlServerTest, AskSendGivesTheWholeAnswer) {
  EXPECT_EQ(asked("ping"), "+OK ping\n");
  answer_ = [](const ControlServer::Peer&, std::string_view) { return "+OK\na=1\nb=2\n.\n"; };
  EXPECT_EQ(asked("status"), "+OK\na=1\nb=2\n.\n");
  answer_ = [](const ControlServer::Peer&, std::string_view) { return "-ERR no\n"; };
  EXPECT_EQ(asked("status"), "-ERR no\n");
}

TEST_F(ControlServerTest, AskSendTellsThatNobodyIsThere) {
  server_.reset();
  EXPECT_EQ(queue::ask_send(queue_.instance(), "ping").error().sys, ECONNREFUSED);
  std::filesystem::remove(queue_.path() + "/run/control");
  EXPECT_EQ(queue::ask_send(queue_.instance(), "ping").error().sys, ENOENT);
}

}  // namespace
}  // namespace porpoise::send
