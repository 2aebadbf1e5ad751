#include "instance/trusted.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/test_folder.h"

namespace porpoise {
namespace {

class Trusted : public testing::Test {
 protected:
  Trusted() {
    top_.make_folder("control");
    top_.make_folder("users");
    top_.write("control/me", "here.test\n");
  }

  void make_system() {
    top_.write("control/system", "queue:q:71:71\nnetwork:n:72:72\nalias:a:73:73\n");
  }
  std::string text(const std::string& file = "users/assign") {
    const Instance instance = *Instance::open(top_.path());
    Result<std::optional<std::string>> text = trusted_text(instance, file);
    if (text) return text->value_or("nothing");
    EXPECT_EQ(text.error().fate, Fate::temporary);
    return "error: " + text.error().text;
  }

  posix::TestFolder top_;
};

TEST_F(Trusted, InAPersonalInstanceAnybodysFileIsRead) {
  top_.write("control/owner", "owner:500:500:/home/owner\n");
  EXPECT_EQ(text(), "nothing");
  top_.write("users/assign", ".\n");
  ::chmod(top_.path("users/assign").c_str(), 0666);
  EXPECT_EQ(text(), ".\n");
}

TEST_F(Trusted, AMissingFileIsNothing) {
  make_system();
  EXPECT_EQ(text(), "nothing");
}

TEST_F(Trusted, InASystemInstanceItMustBeRoots) {
  make_system();
  top_.write("users/assign", ".\n");
  if (::geteuid() == 0) {
    EXPECT_EQ(text(), ".\n");
    ASSERT_EQ(::chown(top_.path("users/assign").c_str(), 71, 0), 0);
    EXPECT_EQ(text(), "error: users/assign belongs to uid 71; it has to belong to root");
  } else {
    EXPECT_EQ(text(), fmt::format("error: users/assign belongs to uid {}; it has to belong to root",
                                  ::geteuid()));
  }
}

TEST_F(Trusted, AndNobodyElseMayWriteToIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: a file of root's";
  make_system();
  top_.write("users/assign", ".\n");
  for (const mode_t mode : {0664u, 0646u, 0622u}) {
    ASSERT_EQ(::chmod(top_.path("users/assign").c_str(), mode), 0);
    EXPECT_EQ(text(), fmt::format("error: users/assign has mode {:04o}: others than root may "
                                  "write to it",
                                  mode));
  }
}

TEST_F(Trusted, ALinkIsBelievedAsMuchAsWhatItLeadsTo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: files of root's";
  make_system();
  top_.write("mine", ".\n");
  ASSERT_EQ(::symlink("../mine", top_.path("users/assign").c_str()), 0);
  EXPECT_EQ(text(), ".\n");
  ASSERT_EQ(::chown(top_.path("mine").c_str(), 71, 0), 0);
  EXPECT_EQ(text(), "error: users/assign belongs to uid 71; it has to belong to root");
}

TEST_F(Trusted, WhatIsNoRegularFileIsAnError) {
  make_system();
  top_.make_folder("users/assign");
  EXPECT_EQ(text(), "error: reading users/assign: not a regular file");
  ASSERT_EQ(::mkfifo(top_.path("users/fifo").c_str(), 0600), 0);
  EXPECT_EQ(text("users/fifo"), "error: reading users/fifo: not a regular file");
}

TEST_F(Trusted, AFileThatIsTooLargeIsAnError) {
  top_.write("control/owner", "owner:500:500:/home/owner\n");
  top_.write("users/assign", std::string((16 << 20) + 1, 'x'));
  EXPECT_TRUE(text().starts_with("error: ")) << text();
}

}  // namespace
}  // namespace porpoise
