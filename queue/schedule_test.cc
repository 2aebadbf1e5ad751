#include "queue/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/test_calls.h"
#include "posix/test_folder.h"
#include "queue/record.h"

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace test_calls = posix::test_calls;

ScheduleEntry entry(std::uint64_t number, std::uint32_t next_s) {
  return {Id::make(1'795'252'194'123'456 + static_cast<std::int64_t>(number), number), next_s};
}

class ScheduleTest : public ::testing::Test {
 protected:
  void write(const std::vector<std::vector<ScheduleEntry>>& pieces) {
    ScheduleWriter writer = ScheduleWriter::begin(folder_.fd()).value();
    for (const auto& piece : pieces) ASSERT_TRUE(writer.add(piece));
    ASSERT_TRUE(std::move(writer).finish(77));
  }
  std::string octets() { return folder_.text("schedule"); }
  // What a reader says of these octets: "" where it takes them.
  std::string verdict(const std::string& text) {
    folder_.write("schedule", text);
    const Result<ScheduleReader> reader = ScheduleReader::open(folder_.fd());
    if (reader) return "";
    EXPECT_EQ(reader.error().sys, EBADMSG);
    return reader.error().text;
  }

  posix::TestFolder folder_;
};

TEST_F(ScheduleTest, WhatWasWrittenIsReadFolderByFolder) {
  write({{entry(3, 30), entry(1, 10)}, {entry(1024 + 5, 50), entry(5, 40)}});
  ScheduleReader reader = ScheduleReader::open(folder_.fd()).value();
  EXPECT_EQ(reader.head().count, 4u);
  EXPECT_EQ(reader.head().wall_us, 77);
  EXPECT_THAT(reader.folder("01").value(), ElementsAre(entry(1, 10)));
  EXPECT_THAT(reader.folder("02").value(), IsEmpty());
  EXPECT_THAT(reader.folder("03").value(), ElementsAre(entry(3, 30)));
  EXPECT_THAT(reader.folder("05").value(), ElementsAre(entry(5, 40), entry(1024 + 5, 50)));
  EXPECT_THAT(reader.folder("zz").value(), IsEmpty());
}

TEST_F(ScheduleTest, FoldersNobodyAsksForArePassedOver) {
  write({{entry(1, 10), entry(3, 30)}});
  ScheduleReader reader = ScheduleReader::open(folder_.fd()).value();
  EXPECT_THAT(reader.folder("03").value(), ElementsAre(entry(3, 30)));
}

TEST_F(ScheduleTest, MoreThanIsReadAtOnceIsReadInFull) {
  std::vector<ScheduleEntry> many;
  for (std::uint32_t i = 0; i < 20'000; ++i) many.push_back(entry(i, i));
  write({many});
  ScheduleReader reader = ScheduleReader::open(folder_.fd()).value();
  std::size_t count = 0;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    const auto entries = reader.folder(entry(i, 0).id.folder()).value();
    for (const ScheduleEntry& e : entries) {
      EXPECT_EQ(e.id, entry(e.next_s, 0).id);
      ++count;
    }
  }
  EXPECT_EQ(count, 20'000u);
}

TEST_F(ScheduleTest, AnEmptyOneIsOne) {
  write({});
  EXPECT_EQ(ScheduleReader::open(folder_.fd()).value().head().count, 0u);
  EXPECT_EQ(octets().size(), ScheduleHead::kOctets);
}

TEST_F(ScheduleTest, TheSameIdTwiceIsWrittenOnce) {
  write({{entry(1, 10), entry(1, 10)}});
  EXPECT_EQ(ScheduleReader::open(folder_.fd()).value().head().count, 1u);
}

TEST_F(ScheduleTest, ItsOctetsAreAsDocumented) {
  write({{entry(1, 0x01020304)}});
  EXPECT_THAT(octets().substr(0, 58), "PORPOISE-SCHEDULE 1 at=0000000000000077 n=0000000001 data=");
  EXPECT_EQ(octets()[79], '\n');
  EXPECT_EQ(octets().substr(80, 12), entry(1, 0).id.octets());
  EXPECT_EQ(octets().substr(92), "\x04\x03\x02\x01");
}

TEST_F(ScheduleTest, NoneIsToldAsThat) {
  const Result<ScheduleReader> reader = ScheduleReader::open(folder_.fd());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().sys, ENOENT);
}

TEST_F(ScheduleTest, AChangeOfAnyOctetIsSeen) {
  write({{entry(1, 10), entry(2, 20), entry(3, 30)}});
  const std::string good = octets();
  ASSERT_EQ(verdict(good), "");
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      EXPECT_NE(verdict(bad), "") << i;
    }
  }
}

TEST_F(ScheduleTest, AnyOtherLengthIsSeen) {
  write({{entry(1, 10), entry(2, 20)}});
  const std::string good = octets();
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_NE(verdict(good.substr(0, length)), "") << length;
  }
  EXPECT_EQ(verdict(good + "x"), "queue/schedule is of no use: its length is wrong");
  EXPECT_EQ(verdict(good + good), "queue/schedule is of no use: its length is wrong");
  EXPECT_EQ(verdict(std::string(good.size(), '\0')), "queue/schedule is of no use: bad head");
}

TEST_F(ScheduleTest, WholeButInDisorderIsOfNoUse) {
  const std::string entries = encode_entries({entry(2, 1), entry(1, 1)});
  ScheduleHead head{.wall_us = 1, .count = 2, .crc = crc32c(0x50515343, entries)};
  EXPECT_EQ(verdict(head.encode() + entries),
            "queue/schedule is of no use: its entries are in disorder");
}

TEST_F(ScheduleTest, SomethingThatIsNoFileIsOfNoUse) {
  ASSERT_EQ(::mkdirat(folder_.fd(), "schedule", 0700), 0);
  const Result<ScheduleReader> reader = ScheduleReader::open(folder_.fd());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().text, "queue/schedule is of no use: not a regular file");
}

TEST_F(ScheduleTest, OneThatCannotBeFinishedLeavesTheOneBefore) {
  write({{entry(1, 10)}});
  const std::string before = octets();
  for (const char* call : {"openat", "write", "pwrite", "renameat"}) {
    test_calls::Scope calls;
    calls.fail(call, ENOSPC);
    Result<ScheduleWriter> writer = ScheduleWriter::begin(folder_.fd());
    Result<> done = writer ? writer->add({entry(2, 20)}) : Result<>(failed(writer));
    if (done) done = std::move(*writer).finish(5);
    EXPECT_FALSE(done) << call;
  }
  EXPECT_EQ(octets(), before);
  EXPECT_THAT(folder_.names(""), ElementsAre("schedule"));
}

TEST_F(ScheduleTest, WhatAKillLeftOfOneIsReplaced) {
  folder_.write("schedule.draft", "half");
  write({{entry(1, 10)}});
  EXPECT_THAT(folder_.names(""), ElementsAre("schedule"));
}

TEST_F(ScheduleTest, RemovingWhatIsNotThereIsNoError) {
  write({});
  EXPECT_TRUE(remove_schedule(folder_.fd()));
  EXPECT_TRUE(remove_schedule(folder_.fd()));
  EXPECT_THAT(folder_.names(""), IsEmpty());
}

TEST(Id, OctetsAndTextSayTheSame) {
  const Id id = Id::make(1'795'252'194'123'456, 0x123456789a);
  EXPECT_EQ(Id::from_octets(id.octets()), id);
  EXPECT_EQ(id.octets().size(), Id::kOctets);
}

TEST(Id, FolderNumbersAreInTheOrderOfTheFolders) {
  std::vector<std::pair<std::uint32_t, std::string>> all;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    const Id id = Id::make(5, i * 37 % 1024);
    all.emplace_back(id.folder_number(), id.folder());
  }
  std::ranges::sort(all);
  for (std::uint32_t i = 0; i < 1024; ++i) EXPECT_EQ(all[i].first, i);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &std::pair<std::uint32_t, std::string>::second));
}

}  // namespace
}  // namespace porpoise::queue
