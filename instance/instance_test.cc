#include "instance/instance.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace porpoise {
namespace {

namespace fs = std::filesystem;

class InstanceTest : public testing::Test {
 protected:
  InstanceTest() {
    std::string name = (fs::temp_directory_path() / "instance-test-XXXXXX").string();
    top_ = ::mkdtemp(name.data());
    path_ = top_ / "instance";
    fs::create_directory(top_ / "home");
    owner_ = {"owen", ::geteuid(), ::getegid(), (top_ / "home").string()};
    for (const char* variable : {"PORPOISE", "XDG_STATE_HOME", "HOME"}) ::unsetenv(variable);
  }
  ~InstanceTest() override { fs::remove_all(top_); }

  std::vector<std::string> create(const std::string& path) {
    std::vector<std::string> lines;
    Result<> done = Instance::create(path, owner_, "mx.test",
                                     [&](const std::string& line) { lines.push_back(line); });
    EXPECT_TRUE(done) << done.error().text;
    return lines;
  }
  // "" or the error with "TOP" for the folder
  std::string opened(const std::string& path) {
    Result<Instance> instance = Instance::open(path);
    if (instance) return "";
    std::string text = instance.error().text;
    for (std::size_t at; (at = text.find(top_.string())) != std::string::npos;) {
      text.replace(at, top_.string().size(), "TOP");
    }
    return text;
  }
  void put(const std::string& name, const std::string& text) {
    std::ofstream(path_ / name) << text;
  }
  std::string get(const std::string& name) {
    std::ifstream file(path_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path top_, path_;
  Owner owner_;
};

// -- the owner's line

TEST(OwnerLine, SurvivesTheWay) {
  const Owner owner{"a b", 4294967294, 0, "/home/with:colon"};
  EXPECT_EQ(owner.line(), "a b:4294967294:0:/home/with:colon");
  Result<Owner> parsed = Owner::parse(owner.line());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->line(), owner.line());
}

TEST(OwnerLine, DamageIsAPermanentError) {
  for (const char* line :
       {"", "a", "a:1", "a:1:2", "a:1:2:", "a:1:2:home", ":1:2:/h", "a::2:/h", "a:1::/h",
        "a:x:2:/h", "a:1x:2:/h", "a:-1:2:/h", "a:1:4294967296:/h", "a: 1:2:/h"}) {
    Result<Owner> owner = Owner::parse(line);
    ASSERT_FALSE(owner) << line;
    EXPECT_EQ(owner.error().text, "control/owner: want name:uid:gid:/home");
    EXPECT_EQ(owner.error().fate, Fate::permanent);
  }
}

// -- making one

TEST_F(InstanceTest, WhatIsMadeCanBeOpened) {
  EXPECT_FALSE(create(path_).empty());
  Result<Instance> instance = Instance::open(path_);
  ASSERT_TRUE(instance) << instance.error().text;
  EXPECT_EQ(instance->path(), path_.string());
  EXPECT_EQ(instance->owner().line(), owner_.line());
  EXPECT_TRUE(instance->require_owner());
  for (const char* name : {"queue/incoming", "queue/tmp", "queue/deferred", "run", "alias"}) {
    EXPECT_TRUE(instance->open_folder(name)) << name;
  }
  EXPECT_EQ(get("control/me"), "mx.test\n");
  EXPECT_TRUE(get("control/locals").starts_with("mx.test\nlocalhost\n"));
  EXPECT_EQ(get("alias/.qmail-postmaster"), "&owen\n");
  EXPECT_TRUE(fs::is_fifo(path_ / "queue/trigger"));
  EXPECT_TRUE(fs::is_directory(top_ / "home/Maildir/new"));
}

TEST_F(InstanceTest, TheQueueIsTheOwnersOnly) {
  create(path_);
  for (const char* name : {".", "queue", "queue/incoming"}) {
    struct stat st{};
    ASSERT_EQ(::stat((path_ / name).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0700u) << name;
  }
}

TEST_F(InstanceTest, MakingItAgainKeepsWhatIsThere) {
  create(path_);
  put("control/me", "changed.test\n");
  fs::remove_all(path_ / "alias");
  const std::vector<std::string> lines = create(path_);
  EXPECT_EQ(get("control/me"), "changed.test\n");
  EXPECT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines.front(), path_.string() + "/alias/");
}

TEST_F(InstanceTest, FoldersAboveAreMade) {
  create(path_ / "a" / "b");
  EXPECT_TRUE(fs::exists(path_ / "a/b/control/me"));
}

TEST_F(InstanceTest, APathOf300OctetsWorks) {
  const std::string path = (top_ / std::string(150, 'a') / std::string(150, 'b')).string();
  create(path);
  EXPECT_TRUE(Instance::open(path));
}

TEST_F(InstanceTest, AFileInTheWayIsNamed) {
  std::ofstream(top_ / "file") << "x";
  Result<> done = Instance::create(top_ / "file" / "instance", owner_, "h", [](const auto&) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text,
            "making folder " + (top_ / "file/instance").string() + ": Not a directory");
}

// -- opening one

TEST_F(InstanceTest, AFolderThatIsNotThereSaysHowToMakeOne) {
  EXPECT_EQ(opened(path_),
            "TOP/instance is no porpoise instance (No such file or directory); make one with: "
            "porpoise init TOP/instance");
}

TEST_F(InstanceTest, AFolderOfOtherThingsIsNone) {
  EXPECT_EQ(opened(top_),
            "TOP is no porpoise instance (it has no control/me); make one with: "
            "porpoise init TOP");
  std::ofstream(top_ / "file") << "x";
  EXPECT_EQ(opened(top_ / "file"),
            "TOP/file is no porpoise instance (Not a directory); make one with: "
            "porpoise init TOP/file");
}

TEST_F(InstanceTest, ADamagedOwnerIsNamed) {
  create(path_);
  put("control/owner", "nonsense\n");
  EXPECT_EQ(opened(path_), "instance TOP/instance: control/owner: want name:uid:gid:/home");
  fs::remove(path_ / "control/owner");
  EXPECT_EQ(opened(path_),
            "instance TOP/instance: no file says what kind it is: exactly one of control/owner and "
            "control/system must");
}

TEST_F(InstanceTest, AnUnreadableFileIsTemporary) {
  create(path_);
  fs::remove(path_ / "control/me");
  fs::create_directory(path_ / "control/me");
  Result<Instance> instance = Instance::open(path_);
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().fate, Fate::temporary);
  EXPECT_EQ(opened(path_), "TOP/instance: reading control/me: not a regular file");
}

TEST_F(InstanceTest, SomebodyElsesIsRefused) {
  create(path_);
  put("control/owner", fmt::format("eve:{}:1:/home\n", owner_.uid + 1));
  Result<> owner = Instance::open(path_)->require_owner();
  ASSERT_FALSE(owner);
  EXPECT_EQ(owner.error().text,
            fmt::format("instance {} belongs to eve (uid {}): run this as that user",
                        path_.string(), owner_.uid + 1));
  EXPECT_EQ(owner.error().fate, Fate::permanent);
}

TEST_F(InstanceTest, AMissingSubfolderIsNamedWithItsInstance) {
  create(path_);
  EXPECT_EQ(Instance::open(path_)->open_folder("queue/none").error().text,
            fmt::format("opening {}/queue/none: No such file or directory", path_.string()));
}

// -- finding one

TEST_F(InstanceTest, TheOptionComesFirstThenTheEnvironment) {
  create(path_);
  create(top_ / "other");
  ::setenv("PORPOISE", (top_ / "other").c_str(), 1);
  EXPECT_EQ(Instance::find(path_)->path(), path_.string());
  EXPECT_EQ(Instance::find(std::nullopt)->path(), (top_ / "other").string());
  ::unsetenv("PORPOISE");
}

TEST_F(InstanceTest, ThenTheCallersOwn) {
  if (fs::exists("/var/lib/porpoise/control/me")) GTEST_SKIP() << "there is a system instance";
  ::setenv("HOME", "/home/x", 1);
  EXPECT_EQ(Instance::default_path(), "/home/x/.local/state/porpoise");
  ::setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(Instance::default_path(), "/state/porpoise");
  ::setenv("PORPOISE", "", 1);
  EXPECT_EQ(Instance::default_path(), "/state/porpoise");
  ::setenv("PORPOISE", "/p", 1);
  EXPECT_EQ(Instance::default_path(), "/p");
}

TEST_F(InstanceTest, ARelativePathMeansTheSameAfterAChdir) {
  create(path_);
  const fs::path before = fs::current_path();
  fs::current_path(top_);
  Result<Instance> instance = Instance::find("instance");
  fs::current_path(before);
  ASSERT_TRUE(instance);
  EXPECT_TRUE(Instance::open(instance->path()));
}

}  // namespace
}  // namespace porpoise
