#include "posix/socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "posix/file.h"
#include "posix/test_folder.h"

namespace porpoise::posix {
namespace {

TEST(Socket, ALongPathDoesNotMatter) {
  TestFolder folder;
  const std::string deep = std::string(150, 'a') + "/" + std::string(150, 'b');
  const UniqueFd at = folder.make_folder(deep);
  const UniqueFd server = listen_in(at.get(), "control", 0600).value();
  const UniqueFd client = connect_in(at.get(), "control").value();
  EXPECT_TRUE(client.open());
  struct stat st;
  ASSERT_EQ(::stat((folder.path(deep) + "/control").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0600u);
}

TEST(Socket, NobodyThereShowsInTheErrno) {
  TestFolder folder;
  EXPECT_EQ(connect_in(folder.fd(), "none").error().sys, ENOENT);
  {
    const UniqueFd server = listen_in(folder.fd(), "left", 0600).value();
  }
  EXPECT_EQ(connect_in(folder.fd(), "left").error().sys, ECONNREFUSED);
}

TEST(Socket, WhatAnEndedServerLeftIsReplaced) {
  TestFolder folder;
  {
    const UniqueFd server = listen_in(folder.fd(), "left", 0600).value();
  }
  const UniqueFd again = listen_in(folder.fd(), "left", 0600).value();
  EXPECT_TRUE(connect_in(folder.fd(), "left"));
}

TEST(Socket, ANameTooLongIsRefused) {
  TestFolder folder;
  EXPECT_EQ(listen_in(folder.fd(), std::string(200, 'x'), 0600).error().fate, Fate::permanent);
}

TEST(Socket, LoopbackTellsThePortItTook) {
  unsigned short port = 0;
  const UniqueFd server = listen_loopback(port).value();
  EXPECT_NE(port, 0);
  unsigned short same = port;
  EXPECT_EQ(listen_loopback(same).error().sys, EADDRINUSE);
}

TEST(Socket, EachMessageIsWholeAndCarriesItsDescriptor) {
  TestFolder folder;
  folder.write("a", "contents");
  SocketPair pair = message_pair().value();
  const UniqueFd file = open_at(folder.fd(), "a", O_RDONLY).value();
  ASSERT_TRUE(send_message(pair.ours.get(), "first", file.get()));
  ASSERT_TRUE(send_message(pair.ours.get(), std::string("\0two\0", 5)));
  Message first = *std::move(*receive_message(pair.theirs.get(), 100));
  EXPECT_EQ(first.text, "first");
  ASSERT_TRUE(first.descriptor.open());
  EXPECT_EQ(::fcntl(first.descriptor.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(read_to_end(first.descriptor.get(), 100, "a").value(), "contents");
  Message second = *std::move(*receive_message(pair.theirs.get(), 100));
  EXPECT_EQ(second.text, std::string("\0two\0", 5));
  EXPECT_FALSE(second.descriptor.open());
}

TEST(Socket, AMessageBeyondTheLimitIsAnError) {
  SocketPair pair = message_pair().value();
  ASSERT_TRUE(send_message(pair.ours.get(), "12345"));
  EXPECT_EQ(receive_message(pair.theirs.get(), 4).error().text,
            "receiving a message: longer than 4 octets");
}

TEST(Socket, TheEndIsNoMessage) {
  SocketPair pair = message_pair().value();
  pair.ours.reset();
  EXPECT_FALSE(receive_message(pair.theirs.get(), 4)->has_value());
  EXPECT_EQ(send_message(pair.theirs.get(), "x").error().sys, EPIPE) << "and no SIGPIPE";
}

TEST(Socket, NothingThereYetShowsInTheErrno) {
  SocketPair pair = message_pair().value();
  ASSERT_TRUE(set_nonblocking(pair.theirs.get()));
  EXPECT_EQ(receive_message(pair.theirs.get(), 4).error().sys, EAGAIN);
}

}  // namespace
}  // namespace porpoise::posix
