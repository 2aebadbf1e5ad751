#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/instance.h"
#include "posix/test_folder.h"

namespace porpoise {
namespace {

const Identities kThree = {.queue = {"porpoise", 990, 991},
                           .network = {"porpoise-net", 992, 993},
                           .alias = {"porpoise-alias", 994, 995}};

std::string fault(const std::string& text) {
  Result<Identities> parsed = Identities::parse(text);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().fate, Fate::permanent);
  return parsed.error().text;
}

TEST(Identities, SurviveTheWay) {
  EXPECT_EQ(kThree.text(),
            "queue:porpoise:990:991\nnetwork:porpoise-net:992:993\nalias:porpoise-alias:994:995\n");
  Result<Identities> parsed = Identities::parse(kThree.text());
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(parsed->text(), kThree.text());
}

TEST(Identities, OrderCommentsAndEmptyLinesDoNotMatter) {
  Result<Identities> parsed =
      Identities::parse("# made by hand\n\nalias:a:3:3\nqueue:q:1:7\n\nnetwork:n:2:7");
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(parsed->text(), "queue:q:1:7\nnetwork:n:2:7\nalias:a:3:3\n");
}

TEST(Identities, ALineThatMakesNoSenseIsNamed) {
  const std::string want =
      "control/system line 1: want queue, network and alias, each as "
      "PART:NAME:UID:GID";
  for (const char* line :
       {"q", "queue", "queue:", "queue:p", "queue:p:1", "queue:p:1:", "queue::1:1", "queue:p:x:1",
        "queue:p:1:x", "queue:p:-1:1", "queue:p:1:1:", "queue:p:4294967295:1",
        "queue:p:1:4294967295", "queue:p:4294967296:1", "queue:p: 1:1", "other:p:1:1", ":p:1:1"}) {
    EXPECT_EQ(fault(std::string(line) + "\n"), want) << line;
  }
}

TEST(Identities, NobodyMayBeRoot) {
  EXPECT_EQ(fault("queue:p:0:1\n"), "control/system line 1: p must not be root");
  EXPECT_EQ(fault("queue:p:1:1\nalias:a:2:0\n"), "control/system line 2: a must not be root");
}

TEST(Identities, EachIsThereOnceAndIsItsOwn) {
  EXPECT_EQ(fault("queue:p:1:1\nqueue:p:1:1\n"), "control/system line 2: queue is there twice");
  EXPECT_EQ(fault("queue:p:1:1\nalias:a:2:2\n"),
            "control/system: no network; want queue, network and alias, each as PART:NAME:UID:GID");
  EXPECT_EQ(fault(""),
            "control/system: no queue; want queue, network and alias, each as PART:NAME:UID:GID");
  EXPECT_EQ(fault("queue:p:1:1\nnetwork:n:2:2\nalias:a:1:3\n"),
            "control/system: two of its accounts have the same uid");
}

class SystemInstance : public testing::Test {
 protected:
  SystemInstance() {
    for (const char* name : {"control", "users", "run", "queue", "alias"}) {
      (void)folder_.make_folder(name);
      mode(name, 0755);
    }
    mode(".", 0755);
    mode("queue", 0700);
    folder_.write("control/me", "mx.test\n");
    folder_.write("control/system", kThree.text());
  }
  void mode(const char* name, mode_t mode) const {
    ASSERT_EQ(::chmod(folder_.path(name).c_str(), mode), 0);
  }
  void give(const char* name, uid_t uid) const {
    ASSERT_EQ(::chown(folder_.path(name).c_str(), uid, static_cast<gid_t>(-1)), 0);
  }
  Instance open() const { return Instance::open(folder_.path()).value(); }
  // "" or the error of require_layout(), with "TOP" for the folder.
  std::string layout() const {
    Result<> done = open().require_layout();
    if (done) return "";
    std::string text = done.error().text;
    text.replace(text.find(folder_.path()), folder_.path().size(), "TOP");
    return text;
  }

  posix::TestFolder folder_;
};

TEST_F(SystemInstance, IsRecognisedByItsFile) {
  const Instance instance = open();
  EXPECT_TRUE(instance.is_system());
  EXPECT_EQ(instance.identities().text(), kThree.text());
  EXPECT_EQ(instance.owner().name, "porpoise");
  EXPECT_EQ(instance.owner().uid, 990U);
  EXPECT_EQ(instance.owner().gid, 991U);
  EXPECT_EQ(instance.owner().home, folder_.path());
  EXPECT_TRUE(instance.require_submitter());
}

TEST_F(SystemInstance, OfBothKindsIsNone) {
  folder_.write("control/owner", "owen:7:7:/home\n");
  EXPECT_EQ(Instance::open(folder_.path()).error().text,
            "instance " + folder_.path() +
                ": more than one file says what kind it is: exactly one of control/owner and "
                "control/system must");
}

TEST_F(SystemInstance, WithADamagedFileIsNone) {
  folder_.write("control/system", "queue:p:0:1\n");
  EXPECT_EQ(Instance::open(folder_.path()).error().text,
            "instance " + folder_.path() + ": control/system line 1: p must not be root");
}

TEST_F(SystemInstance, OnlyRootLooksAfterIt) {
  const Result<> done = open().require_administrator();
  if (::geteuid() == 0) {
    EXPECT_TRUE(done);
  } else {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text,
              "instance " + folder_.path() + " is the system's: run this as root");
  }
}

TEST_F(SystemInstance, WhateverBelongsToSomebodyElseIsNamed) {
  if (::geteuid() != 0) {
    EXPECT_EQ(layout(),
              fmt::format("TOP belongs to uid {}; it has to belong to root (uid 0)", ::geteuid()));
    return;
  }
  EXPECT_EQ(layout(), "TOP/queue belongs to uid 0; it has to belong to porpoise (uid 990)");
  give("queue", 990);
  EXPECT_EQ(layout(), "TOP/alias belongs to uid 0; it has to belong to porpoise-alias (uid 994)");
  give("alias", 994);
  EXPECT_EQ(layout(), "");
  for (const char* name : {"control", "users", "run"}) {
    give(name, 990);
    EXPECT_EQ(layout(),
              fmt::format("TOP/{} belongs to uid 990; it has to belong to root (uid 0)", name));
    give(name, 0);
  }
  give(".", 7);
  EXPECT_EQ(layout(), "TOP belongs to uid 7; it has to belong to root (uid 0)");
}

TEST_F(SystemInstance, WhateverSomebodyElseMayWriteIsNamed) {
  if (::geteuid() == 0) {
    give("queue", 990);
    give("alias", 994);
    mode("queue", 0750);
    EXPECT_EQ(layout(), "TOP/queue has mode 0750; it has to be 0700");
    mode("queue", 0700);
    mode("control", 0775);
    EXPECT_EQ(layout(), "TOP/control has mode 0775; it has to be 0755");
    mode("control", 0755);
    mode("run", 01777);
    EXPECT_EQ(layout(), "TOP/run has mode 1777; it has to be 0755");
    mode("run", 0755);
  }
  mode(".", 0757);
  if (::geteuid() == 0)
    EXPECT_EQ(layout(), "TOP has mode 0757; it has to be 0755");
  else
    EXPECT_EQ(layout().substr(0, 11), "TOP belongs");
}

TEST_F(SystemInstance, ALinkIsNoFolderOfIt) {
  if (::geteuid() != 0) {
    EXPECT_NE(layout(), "");
    return;
  }
  give("queue", 990);
  give("alias", 994);
  ASSERT_EQ(::rename(folder_.path("run").c_str(), folder_.path("elsewhere").c_str()), 0);
  ASSERT_EQ(::symlink("elsewhere", folder_.path("run").c_str()), 0);
  EXPECT_EQ(layout(), "TOP/run is no folder");
  ASSERT_EQ(::unlink(folder_.path("run").c_str()), 0);
  EXPECT_EQ(layout(), "looking at TOP/run: No such file or directory");
  ASSERT_EQ(::rename(folder_.path("elsewhere").c_str(), folder_.path("run").c_str()), 0);
  ASSERT_EQ(::rename(folder_.path("control").c_str(), folder_.path("etc").c_str()), 0);
  ASSERT_EQ(::symlink("etc", folder_.path("control").c_str()), 0);
  EXPECT_EQ(layout(), "");  // control/ may be a link to /etc/porpoise
}

}  // namespace
}  // namespace porpoise
