// Instance::create: what it makes, keeps and refuses.

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instance/instance.h"
#include "posix/file.h"

namespace porpoise {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Create : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "create.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    fs::create_directory(base_ / "home");
    owner_ = {.name = "ann", .uid = ::geteuid(), .gid = ::getegid(), .home = base_ / "home"};
  }
  void TearDown() override { fs::remove_all(base_); }

  /// Creates base/NAME; "" or the error's text with base_ cut out.
  std::string create(const std::string& name, const std::string& host = "mx.here.test") {
    reported_.clear();
    const Result<> done =
        Instance::create(base_ / name, owner_, host,
                         [&](const std::string& line) { reported_.push_back(cut(line)); });
    return done ? "" : cut(done.error().text);
  }
  std::string cut(std::string text) const {
    const std::string base = base_.string() + "/";
    for (auto at = text.find(base); at != std::string::npos; at = text.find(base)) {
      text.erase(at, base.size());
    }
    return text;
  }
  std::string read(const std::string& name) const {
    return posix::read_file(posix::kHere, base_ / name, 10000).value_or("(missing)");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(base_ / name) << text;
  }
  int mode(const std::string& name) const {
    struct stat st{};
    EXPECT_EQ(::stat((base_ / name).c_str(), &st), 0) << name;
    return static_cast<int>(st.st_mode & 07777);
  }

  fs::path base_;
  Owner owner_;
  std::vector<std::string> reported_;
};

TEST_F(Create, ReportsEachThingItWrote) {
  ASSERT_EQ(create("i"), "");
  EXPECT_THAT(
      reported_,
      ElementsAre("i/", "i/control/", "i/alias/", "i/users/", "i/run/", "i/queue/", "i/queue/tmp/",
                  "i/queue/incoming/", "i/queue/deferred/", "i/queue/deleted/", "i/queue/damaged/",
                  "i/queue/trigger", "home/Maildir/", "home/Maildir/tmp/", "home/Maildir/new/",
                  "home/Maildir/cur/", "i/control/owner: " + cut(owner_.line()),
                  "i/control/defaultdomain: here.test", "i/control/locals: mx.here.test",
                  "i/control/defaultdelivery: ./Maildir/", "i/alias/.qmail-root: &ann",
                  "i/alias/.qmail-postmaster: &ann", "i/alias/.qmail-mailer-daemon: &ann",
                  "i/control/me: mx.here.test"));
}

TEST_F(Create, MakesWhatOpenAccepts) {
  ASSERT_EQ(create("i"), "");
  const Result<Instance> opened = Instance::open(base_ / "i");
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ(opened->owner().line(), owner_.line());
  EXPECT_TRUE(opened->require_owner());
}

TEST_F(Create, KeepsWhatIsThereAndReportsNothing) {
  ASSERT_EQ(create("i"), "");
  write("i/control/locals", "mine.test\n");
  ASSERT_EQ(create("i", "other.test"), "");
  EXPECT_THAT(reported_, IsEmpty());
  EXPECT_EQ(read("i/control/locals"), "mine.test\n");
  EXPECT_EQ(read("i/control/me"), "mx.here.test\n");
}

TEST_F(Create, CompletesWhatACrashLeftHalfMade) {
  ASSERT_EQ(create("i"), "");
  fs::remove(base_ / "i/control/me");
  fs::remove_all(base_ / "i/queue/incoming");
  fs::remove_all(base_ / "home/Maildir/cur");
  ASSERT_EQ(create("i"), "");
  EXPECT_THAT(reported_,
              ElementsAre("i/queue/incoming/", "home/Maildir/cur/", "i/control/me: mx.here.test"));
}

TEST_F(Create, TheInstanceAndItsQueueAreTheOwnersAlone) {
  ASSERT_EQ(create("i"), "");
  EXPECT_EQ(mode("i"), 0700);
  EXPECT_EQ(mode("i/queue"), 0700);
  EXPECT_EQ(mode("home/Maildir"), 0700);
}

TEST_F(Create, AnEmptyFolderThatOthersMayWriteLosesThat) {
  fs::create_directory(base_ / "i");
  fs::permissions(base_ / "i", static_cast<fs::perms>(0777));
  ASSERT_EQ(create("i"), "");
  EXPECT_EQ(mode("i"), 0755);
}

TEST_F(Create, ATrailingSlashChangesNothing) {
  ASSERT_EQ(create("i/"), "");
  EXPECT_EQ(mode("i"), 0700);
  EXPECT_EQ(reported_.front(), "i/");
}

TEST_F(Create, MakesTheFoldersAbove) {
  ASSERT_EQ(create("a/b/i"), "");
  EXPECT_EQ(reported_.front(), "a/b/i/");
}

TEST_F(Create, LocalsHoldTheNamesThatAreCompletedToThisHost) {
  ASSERT_EQ(create("long", "mx.here.test"), "");
  EXPECT_EQ(read("long/control/locals"), "mx.here.test\nlocalhost\nlocalhost.here.test\nmx\n");
}

TEST_F(Create, AHostOfTwoLabelsIsItsOwnDomain) {
  ASSERT_EQ(create("two", "here.test"), "");
  EXPECT_EQ(read("two/control/defaultdomain"), "here.test\n");
  EXPECT_EQ(read("two/control/locals"), "here.test\nlocalhost\nlocalhost.here.test\n");
}

TEST_F(Create, AHostWithoutADomainStandsInLocaldomain) {
  ASSERT_EQ(create("i", "box.localdomain"), "");
  EXPECT_EQ(read("i/control/defaultdomain"), "localdomain\n");
  EXPECT_EQ(read("i/control/locals"), "box.localdomain\nlocalhost\nlocalhost.localdomain\nbox\n");
}

TEST_F(Create, LocalhostIsListedOnce) {
  ASSERT_EQ(create("i", "localhost.localdomain"), "");
  EXPECT_EQ(read("i/control/locals"), "localhost.localdomain\nlocalhost\n");
}

TEST_F(Create, RefusesAFullFolder) {
  fs::create_directory(base_ / "i");
  write("i/letter", "x");
  EXPECT_EQ(create("i"), "folder i is not empty, and no porpoise instance");
  EXPECT_FALSE(fs::exists(base_ / "i/control"));
}

TEST_F(Create, RefusesAFile) {
  write("i", "x");
  EXPECT_EQ(create("i"), "opening i: Not a directory");
}

TEST_F(Create, RefusesToGoThroughAFile) {
  write("f", "x");
  EXPECT_EQ(create("f/i"), "making folder f/i: Not a directory");
}

TEST_F(Create, RefusesAFolderOfSomebodyElse) {
  fs::path theirs = "/usr";
  if (::geteuid() == 0) {
    theirs = base_ / "theirs";
    fs::create_directory(theirs);
    ASSERT_EQ(::chown(theirs.c_str(), 61999, 61999), 0);
  }
  const Result<> done = Instance::create(theirs, owner_, "here.test", [](const std::string&) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text,
            fmt::format("folder {} belongs to uid {}, and we are uid {}", theirs.string(),
                        ::geteuid() == 0 ? 61999 : 0, ::geteuid()));
}

TEST_F(Create, AMissingHomeIsNamedAndLeavesNoInstance) {
  owner_.home = base_ / "nowhere";
  EXPECT_EQ(create("i"), "opening the home nowhere of ann: No such file or directory");
  const Result<Instance> opened = Instance::open(base_ / "i");
  ASSERT_FALSE(opened);
  EXPECT_EQ(cut(opened.error().text),
            "i is no porpoise instance (it has no control/me); make one with: porpoise init i");
}

TEST_F(Create, AFileInPlaceOfTheMaildirIsNamed) {
  write("home/Maildir", "x");
  EXPECT_EQ(create("i"), "making folder home/Maildir/tmp: Not a directory");
}

TEST_F(Create, ALongPathWorks) {
  const std::string name(200, 'x');
  ASSERT_EQ(create(name + "/" + name), "");
  EXPECT_TRUE(Instance::open(base_ / name / name));
}

TEST_F(Create, APathBeyondTheKernelsLimitIsNamed) {
  std::string name;
  for (int i = 0; i < 50; ++i) name += std::string(100, 'x') + "/";
  EXPECT_THAT(create(name + "i"), ::testing::EndsWith(": File name too long"));
}

}  // namespace
}  // namespace porpoise
