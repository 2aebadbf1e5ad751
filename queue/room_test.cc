#include "queue/room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "queue/test_queue.h"

namespace {

// What the disk has, where a test says so; and how much less each time it is asked.
std::optional<struct statvfs> pretended;
fsblkcnt_t less_each_time = 0;

}  // namespace

extern "C" int fstatvfs(int fd, struct statvfs* answer) noexcept {
  if (!pretended) {
    struct statfs real;
    if (::fstatfs(fd, &real) != 0) return -1;
    *answer = {};
    answer->f_frsize = static_cast<unsigned long>(real.f_bsize);
    answer->f_blocks = real.f_blocks;
    answer->f_bavail = real.f_bavail;
    answer->f_files = real.f_files;
    answer->f_favail = real.f_ffree;
    return 0;
  }
  *answer = *pretended;
  pretended->f_bavail -= less_each_time;
  return 0;
}

namespace porpoise::queue {
namespace {

MinFree parsed(std::string_view text) {
  return MinFree::parse(text).value();
}

TEST(MinFree, ReadsNumbersUnitsAndPercentages) {
  EXPECT_EQ(parsed("1000"), (MinFree{{.count = 1000}, {.hundredths = 100}}));
  EXPECT_EQ(parsed("2K 5"), (MinFree{{.count = 2048}, {.count = 5}}));
  EXPECT_EQ(parsed("1M\t2%"), (MinFree{{.count = 1 << 20}, {.hundredths = 200}}));
  EXPECT_EQ(parsed("3G 0"), (MinFree{{.count = std::uint64_t{3} << 30}, {}}));
  EXPECT_EQ(parsed("1T 0%"), (MinFree{{.count = std::uint64_t{1} << 40}, {}}));
  EXPECT_EQ(parsed("2.5% 0.25%"), (MinFree{{.hundredths = 250}, {.hundredths = 25}}));
  EXPECT_EQ(parsed("100%"), (MinFree{{.hundredths = 10'000}, {.hundredths = 100}}));
}

TEST(MinFree, RefusesEverythingElseAndSaysWhat) {
  for (const std::string_view text : {"",
                                      " ",
                                      "x",
                                      "10x",
                                      "-1",
                                      "1.5",
                                      "1 2 3",
                                      "5 5K",
                                      "%",
                                      ".%",
                                      "1.%",
                                      "1.234%",
                                      "101%",
                                      "100.01%",
                                      "99999999999999999999",
                                      "99999999999T",
                                      "K",
                                      "1 %",
                                      "0x10",
                                      "1k"}) {
    const Result<MinFree> result = MinFree::parse(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().text,
              fmt::format("\"{}\": want OCTETS [INODES], each a number or a percentage", text));
    EXPECT_EQ(result.error().fate, Fate::temporary);
  }
}

TEST(MinFree, AHundredthOfTheLargestDiskDoesNotOverflow) {
  EXPECT_EQ(Least{.hundredths = 100}.of(20'000), 200u);
  EXPECT_EQ(Least{.hundredths = 10'000}.of(0xffffffffffffffff), 0xffffffffffffffff);
  EXPECT_EQ(Least{.hundredths = 1}.of(9'999), 0u);
  EXPECT_EQ(Least{.count = 7}.of(5), 7u);
}

class RoomTest : public ::testing::Test {
 protected:
  // A disk of 10,000 blocks of 4096 octets and 1000 inodes.
  RoomTest() { disk(5000, 500); }
  ~RoomTest() override {
    pretended.reset();
    less_each_time = 0;
  }
  static void disk(fsblkcnt_t blocks_left, fsfilcnt_t inodes_left, fsfilcnt_t inodes = 1000) {
    pretended.emplace();
    pretended->f_frsize = 4096;
    pretended->f_blocks = 10'000;
    pretended->f_bavail = blocks_left;
    pretended->f_files = inodes;
    pretended->f_favail = inodes_left;
  }
  void set(const std::string& text) { queue_.folder().write("instance/control/minfree", text); }
  SubmitResult<> submit() {
    auto submission = begin(queue_.instance(), {});
    if (!submission) return tl::make_unexpected(submission.error());
    return (*submission)->write("Subject: x\n\n");
  }
  // The text of a 53, or "".
  std::string refusal() {
    const SubmitResult<> done = submit();
    EXPECT_TRUE(queue_.names("tmp").empty());
    if (done) return "";
    EXPECT_EQ(done.error().code, 53);
    EXPECT_EQ(done.error().error.sys, ENOSPC);
    EXPECT_EQ(done.error().error.fate, Fate::temporary);
    return done.error().error.text;
  }
  TestQueue queue_;
};

TEST_F(RoomTest, OnePercentIsKeptFreeWithoutTheFile) {
  disk(100, 10);
  EXPECT_EQ(refusal(), "");
  disk(99, 10);
  EXPECT_EQ(refusal(),
            "the disk has 405504 octets left, and control/minfree wants 409600 kept free");
  disk(100, 9);
  EXPECT_EQ(refusal(), "the disk has 9 inodes left, and control/minfree wants 10 kept free");
}

TEST_F(RoomTest, TheFileSaysHowMuchElse) {
  set("1M 5\n");
  disk(256, 5);
  EXPECT_EQ(refusal(), "");
  disk(255, 5);
  EXPECT_EQ(refusal(),
            "the disk has 1044480 octets left, and control/minfree wants 1048576 kept free");
  disk(256, 4);
  EXPECT_EQ(refusal(), "the disk has 4 inodes left, and control/minfree wants 5 kept free");
  set("0 0\n");
  disk(0, 0);
  EXPECT_EQ(refusal(), "");
}

TEST_F(RoomTest, ADiskThatCountsNoInodesHasEnough) {
  disk(5000, 0, 0);
  EXPECT_EQ(refusal(), "");
}

TEST_F(RoomTest, AFileThatIsWrongIsA55AndNamed) {
  set("a lot\n");
  const SubmitResult<> done = submit();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, 55);
  EXPECT_EQ(done.error().error.text,
            "control/minfree: \"a lot\": want OCTETS [INODES], each a number or a percentage");
  EXPECT_TRUE(queue_.names("tmp").empty());
}

TEST_F(RoomTest, ALargeMessageIsStoppedOnItsWayAndLeavesNothing) {
  auto submission = begin(queue_.instance(), {}).value();
  less_each_time = 2475;
  const std::string piece(1 << 20, 'x');
  SubmitResult<> done;
  int written = 0;
  for (; done && written < 100; ++written) done = submission->write(piece);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, 53);
  EXPECT_GT(written, 16);
  EXPECT_LT(written, 60);
  EXPECT_FALSE(submission->finish({.sender = "a", .recipients = {}}));
  EXPECT_TRUE(queue_.names("tmp").empty());
  EXPECT_TRUE(queue_.names("incoming").empty());
}

}  // namespace
}  // namespace porpoise::queue
