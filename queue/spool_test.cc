#include "queue/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posix/clock.h"
#include "posix/test_calls.h"
#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Names = std::set<std::string>;
namespace test_calls = posix::test_calls;

class SpoolTest : public ::testing::Test {
 protected:
  SpoolTest() : spool_(Spool::open(queue_.instance()).value()) {}

  Names seen(Place place, Names* strays = nullptr) {
    Names names;
    EXPECT_TRUE(spool_.for_each(
        place, [&](const Id& id) { EXPECT_TRUE(names.insert(id.text()).second); },
        [&](const std::string& path) {
          if (strays != nullptr) strays->insert(path);
        }));
    return names;
  }
  bool is_in(Place place, const Id& id) { return seen(place).count(id.text()) == 1; }
  std::string deferred(const Id& id) const { return "deferred/" + id.folder() + "/" + id.text(); }

  TestQueue queue_;
  Spool spool_;
};

TEST_F(SpoolTest, OneHolderOfTheLock) {
  Spool other = Spool::open(queue_.instance()).value();
  EXPECT_FALSE(spool_.is_locked().value()) << "there is not even a file yet";
  EXPECT_TRUE(spool_.try_lock().value());
  EXPECT_FALSE(other.try_lock().value());
  EXPECT_FALSE(other.try_lock(std::chrono::milliseconds(5)).value());
  EXPECT_TRUE(other.is_locked().value());
  EXPECT_TRUE(spool_.is_locked().value()) << "one's own counts";
  spool_ = Spool::open(queue_.instance()).value();
  EXPECT_FALSE(other.is_locked().value());
  EXPECT_TRUE(other.try_lock(std::chrono::seconds(5)).value());
}

TEST_F(SpoolTest, AMissingFolderIsNamed) {
  std::filesystem::remove(queue_.path() + "/queue/deferred");
  Result<Spool> spool = Spool::open(queue_.instance());
  ASSERT_FALSE(spool);
  EXPECT_EQ(spool.error().text,
            "opening " + queue_.path() + "/queue/deferred: No such file or directory");
}

TEST_F(SpoolTest, AFolderThatCannotBeLookedAtNowIsNoStrayAndNotPassedOver) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(id));
  Names strays;
  test_calls::Scope calls;
  calls.fail("fstatat", EIO, 1);
  EXPECT_EQ(seen(Place::deferred, &strays), Names{id.text()});
  EXPECT_EQ(strays, Names{});
  EXPECT_EQ(calls.count("fstatat"), 1);
}

TEST_F(SpoolTest, MessagesAreSeenWhereTheyAreAndStraysToo) {
  const Id a = queue_.submit();
  const Id b = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(b));
  queue_.write("incoming/junk", "");
  queue_.write("deferred/junk", "");
  queue_.write("deferred/" + b.folder() + "/" + Id().text(), "in a wrong folder");
  Names strays;
  EXPECT_EQ(seen(Place::incoming, &strays), Names{a.text()});
  EXPECT_EQ(strays, Names{"incoming/junk"});
  strays.clear();
  EXPECT_EQ(seen(Place::deferred, &strays), Names{b.text()});
  EXPECT_EQ(strays, (Names{"deferred/junk", "deferred/" + b.folder() + "/" + Id().text()}));
}

TEST_F(SpoolTest, AMessageIsOpenedWhereverItIs) {
  const Id id = queue_.submit();
  Place place{};
  EXPECT_TRUE(spool_.open_file(id, File::Access::read, &place));
  EXPECT_EQ(place, Place::incoming);
  ASSERT_TRUE(spool_.move_to_deferred(id));
  EXPECT_TRUE(spool_.open_file(id, File::Access::read, &place));
  EXPECT_EQ(place, Place::deferred);
  EXPECT_EQ(spool_.open_file(Id(), File::Access::read).error().sys, ENOENT);
}

TEST_F(SpoolTest, AMoveIsLinkSyncUnlink) {
  const Id first = queue_.submit();
  {
    test_calls::Scope calls;
    ASSERT_TRUE(spool_.move_to_deferred(first));
    calls.log.erase(std::remove(calls.log.begin(), calls.log.end(), "openat"), calls.log.end());
    EXPECT_THAT(calls.log, ElementsAre("fsync", "linkat", "fsync", "unlinkat"))
        << "deferred/ first";
  }
  EXPECT_TRUE(is_in(Place::deferred, first));
  EXPECT_FALSE(is_in(Place::incoming, first));
  // Into a folder that is there already: one barrier.
  const Id second = Id::make(1'795'252'194'123'456, 33);
  const Id third = Id::make(1'795'252'194'123'457, 33);
  for (const Id& id : {second, third}) queue_.submit("x", {}, {.id = id});
  ASSERT_TRUE(spool_.move_to_deferred(second));
  test_calls::Scope calls;
  ASSERT_TRUE(spool_.move_to_deferred(third));
  EXPECT_EQ(calls.count("fsync"), 1);
}

// Whichever step of a move fails, or is the last before a kill, the next try finishes it.
TEST_F(SpoolTest, AHalfDoneMoveIsFinished) {
  for (const char* call : {"linkat", "fsync", "unlinkat"}) {
    for (int on = 1; on <= 2; ++on) {
      const Id id = queue_.submit();
      const std::string octets = queue_.text("incoming/" + id.text());
      {
        test_calls::Scope calls;
        calls.fail(call, EIO, on);
        const bool done = Spool::open(queue_.instance())->move_to_deferred(id).has_value();
        EXPECT_EQ(done, calls.count(call) < on) << call << " " << on;
      }
      EXPECT_TRUE(spool_.open_file(id, File::Access::read)) << "it is never nowhere";
      test_calls::Scope calls;
      ASSERT_TRUE(Spool::open(queue_.instance())->move_to_deferred(id));
      EXPECT_GE(calls.count("fsync"), 1) << "its link may never have been synced";
      EXPECT_FALSE(is_in(Place::incoming, id));
      EXPECT_EQ(queue_.text(deferred(id)), octets);
    }
  }
  EXPECT_EQ(spool_.move_to_deferred(Id()).error().sys, ENOENT);
}

// The kernel forgets what a failed sync was about: one that succeeds later says nothing of it.
TEST_F(SpoolTest, WhatAFailedSyncWasAboutIsMadeAnew) {
  for (int on = 1; on <= 2; ++on) {
    const Id id = Id::make(1'795'252'194'123'456, static_cast<std::uint64_t>(on));
    queue_.submit("x", {}, {.id = id});
    {
      test_calls::Scope calls;
      calls.fail("fsync", EIO, on);
      ASSERT_FALSE(Spool::open(queue_.instance())->move_to_deferred(id)) << on;
    }
    EXPECT_TRUE(is_in(Place::incoming, id)) << on;
    EXPECT_FALSE(is_in(Place::deferred, id)) << on;
    ASSERT_TRUE(spool_.move_to_deferred(id));
    ASSERT_TRUE(spool_.remove(id, Place::deferred));
  }
}

TEST_F(SpoolTest, AFailedSyncOfTheFolderOfDamagedOnesLeavesThemWhereTheyWere) {
  const Id id = queue_.submit();
  for (int on = 1; on <= 2; ++on) {
    test_calls::Scope calls;
    calls.fail("fsync", EIO, on);
    EXPECT_FALSE(spool_.set_aside(id, Place::incoming)) << on;
    EXPECT_TRUE(is_in(Place::incoming, id)) << on;
    EXPECT_FALSE(std::filesystem::exists(queue_.path() + "/queue/damaged/" + id.text())) << on;
  }
}

TEST_F(SpoolTest, AMoveNeverReplacesAnotherFile) {
  const Id id = queue_.submit();
  std::filesystem::create_directory(queue_.path() + "/queue/deferred/" + id.folder());
  queue_.write(deferred(id), "something else");
  Result<> done = spool_.move_to_deferred(id);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sys, EEXIST);
  EXPECT_EQ(queue_.text(deferred(id)), "something else");
  EXPECT_TRUE(is_in(Place::incoming, id));
}

TEST_F(SpoolTest, RemovingIsCheapAndItsSyncShared) {
  std::vector<Id> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(queue_.submit());
  ASSERT_TRUE(spool_.move_to_deferred(ids[2]));
  test_calls::Scope calls;
  ASSERT_TRUE(spool_.remove(ids[0], Place::incoming));
  ASSERT_TRUE(spool_.remove(ids[1], Place::incoming));
  ASSERT_TRUE(spool_.remove(ids[1], Place::incoming)) << "gone already";
  ASSERT_TRUE(spool_.remove(ids[2], Place::deferred));
  EXPECT_EQ(calls.count("fsync"), 0);
  ASSERT_TRUE(spool_.sync_removed());
  EXPECT_EQ(calls.count("fsync"), 2) << "incoming/ and one folder of deferred/";
  ASSERT_TRUE(spool_.sync_removed());
  EXPECT_EQ(calls.count("fsync"), 2) << "nothing removed since";
  EXPECT_THAT(seen(Place::incoming), IsEmpty());
  EXPECT_THAT(seen(Place::deferred), IsEmpty());
}

TEST_F(SpoolTest, RemovingAHalfMovedMessageRemovesBothNames) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(id));
  std::filesystem::create_hard_link(queue_.path() + "/queue/" + deferred(id),
                                    queue_.path() + "/queue/incoming/" + id.text());
  ASSERT_TRUE(spool_.remove(id, Place::incoming));
  EXPECT_EQ(spool_.open_file(id, File::Access::read).error().sys, ENOENT);
}

TEST_F(SpoolTest, AFailedSyncOfRemovalsIsTold) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.remove(id, Place::incoming));
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  EXPECT_FALSE(spool_.sync_removed());
}

TEST_F(SpoolTest, DamagedOnesAreSetAsideNotLost) {
  const Id id = queue_.submit();
  queue_.write("incoming/" + id.text(), "damaged");
  ASSERT_TRUE(spool_.set_aside(id, Place::incoming));
  EXPECT_EQ(queue_.text("damaged/" + id.text()), "damaged");
  EXPECT_THAT(seen(Place::incoming), IsEmpty());
  queue_.write("incoming/" + id.text(), "another with this id");
  ASSERT_TRUE(spool_.set_aside(id, Place::incoming));
  EXPECT_EQ(queue_.text("damaged/" + id.text()), "damaged");
  EXPECT_EQ(queue_.text("damaged/" + id.text() + ".1"), "another with this id");
}

TEST_F(SpoolTest, SettingAsideMakesItsFolder) {
  const Id id = queue_.submit();
  ASSERT_TRUE(spool_.move_to_deferred(id));
  std::filesystem::remove(queue_.path() + "/queue/damaged");
  ASSERT_TRUE(spool_.set_aside(id, Place::deferred));
  EXPECT_EQ(queue_.names("damaged"), Names{id.text()});
  EXPECT_THAT(seen(Place::deferred), IsEmpty());
}

TEST_F(SpoolTest, OldTemporaryFilesAreSweptAndYoungOnesKept) {
  for (const char* name : {"young", "old", "older"}) queue_.write(std::string("tmp/") + name, "");
  std::filesystem::create_directory(queue_.path() + "/queue/tmp/folder");
  const std::int64_t now = posix::wall_us();
  EXPECT_EQ(spool_.sweep_tmp(now).value(), 0);
  EXPECT_EQ(spool_.sweep_tmp(now - 400'000'000'000).value(), 0) << "a clock that went back";
  EXPECT_EQ(spool_.sweep_tmp(now + 129'500'000'000).value(), 0);
  EXPECT_EQ(spool_.sweep_tmp(now + 129'700'000'000).value(), 3);
  EXPECT_EQ(queue_.names("tmp"), Names{"folder"});
}

std::string contents_of(int fd) {
  return posix::read_to_end(fd, 1 << 24, "the copy").value();
}

TEST_F(SpoolTest, EachDeliveryReadsItsOwnCopyFromTheStart) {
  for (const std::size_t size : {0u, 5u, 60'000u, 70'000u, 300'000u}) {
    const std::string text(size, 'x');
    const Id id = queue_.submit(text);
    const File file = spool_.open_file(id, File::Access::read).value();
    const posix::UniqueFd copy = spool_.copy_content(file).value();
    const posix::UniqueFd one = Spool::reopen(copy.get()).value();
    const posix::UniqueFd two = Spool::reopen(copy.get()).value();
    const std::string first = contents_of(one.get());
    EXPECT_EQ(first.substr(first.find('\n') + 1), text) << size;
    EXPECT_EQ(contents_of(two.get()), first);
    EXPECT_EQ(::lseek(two.get(), 0, SEEK_SET), 0);
    EXPECT_EQ(::write(one.get(), "x", 1), -1) << "read-only";
    EXPECT_THAT(queue_.names("tmp"), IsEmpty());
  }
}

TEST_F(SpoolTest, ASmallCopyCannotBeChangedByAnybody) {
  const File file = spool_.open_file(queue_.submit(), File::Access::read).value();
  const posix::UniqueFd copy = spool_.copy_content(file).value();
  EXPECT_EQ(::pwrite(copy.get(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(copy.get(), 0), -1);
}

TEST_F(SpoolTest, WhereUnnamedFilesAreMissingCopiesAreUnlinkedAtOnce) {
  const File file =
      spool_.open_file(queue_.submit(std::string(70'000, 'x')), File::Access::read).value();
  test_calls::Scope calls;
  calls.fail("tmpfile", EOPNOTSUPP);
  EXPECT_TRUE(spool_.copy_content(file));
  EXPECT_THAT(queue_.names("tmp"), IsEmpty());
}

TEST_F(SpoolTest, RottenContentIsNotDelivered) {
  for (const std::size_t size : {100u, 100'000u}) {
    const Id id = queue_.submit(std::string(size, 'x'));
    std::string octets = queue_.text("incoming/" + id.text());
    octets[Header::kOctets + size / 2] ^= 1;
    queue_.write("incoming/" + id.text(), octets);
    const File file = spool_.open_file(id, File::Access::read).value();
    Result<posix::UniqueFd> copy = spool_.copy_content(file);
    ASSERT_FALSE(copy);
    EXPECT_EQ(copy.error().sys, EBADMSG);
    EXPECT_EQ(copy.error().text,
              "message " + id.text() + " is damaged: its content is not what was accepted");
  }
}

TEST_F(SpoolTest, AFullDiskForTheCopyIsTemporary) {
  const File file =
      spool_.open_file(queue_.submit(std::string(70'000, 'x')), File::Access::read).value();
  test_calls::Scope calls;
  calls.fail("write", ENOSPC, 1);
  EXPECT_EQ(spool_.copy_content(file).error().fate, Fate::temporary);
}

}  // namespace
}  // namespace porpoise::queue
