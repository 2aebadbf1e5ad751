#include "queue/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "posix/test_calls.h"
#include "posix/test_folder.h"

using namespace std::string_literals;

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace test_calls = posix::test_calls;
using Status = State::Status;

const Id kId = Id::make(1'795'252'194'123'456, 0x123456789a);
const std::string kContent = "Subject: hi\n\nhello\n";

Event event(Kind kind, std::string text, std::vector<std::uint32_t> recipients = {0}) {
  return {.kind = kind, .wall_us = 7, .recipients = std::move(recipients), .text = std::move(text)};
}

// A queue file in a folder of its own, and the verbs to hurt it with.
class QueueFileTest : public ::testing::Test {
 protected:
  QueueFileTest() { put(accepted()); }

  // As it is accepted: no log yet.
  static std::string accepted(std::size_t recipients = 3) {
    const Meta meta{
        .arrival_us = 5,
        .uid = 1000,
        .content_crc = crc32c(0, kContent),
        .envelope = {.sender = "a@b",
                     .recipients = std::vector<mail::Recipient>(recipients, {"r@here.test", {}})}};
    const std::uint64_t offset = Header::kOctets + kContent.size();
    return Header{.id = kId, .content_octets = kContent.size()}.encode() + kContent +
           encode({.kind = Kind::envelope, .payload = encode_payload(meta)}, kId, 0, offset);
  }

  // A record as it would be appended to `octets`.
  static void add(std::string& octets, const Record& record) {
    octets += encode(record, kId, 0, octets.size());
  }

  void put(const std::string& octets) { folder_.write("m", octets); }
  std::string octets() const { return folder_.text("m"); }
  Result<File> open(File::Access access) { return File::open(folder_.fd(), "m", kId, access); }

  // The texts of the events that are read, or the error.
  std::string read(File::Access access = File::Access::read) {
    Result<File> file = open(access);
    if (!file) return (file.error().sys == EBADMSG ? "damage: " : "error: ") + file.error().text;
    std::string texts;
    for (const Event& e : file->events()) texts += (texts.empty() ? "" : " ") + e.text;
    return texts;
  }

  // Appends events, each synced.
  void append_synced(std::initializer_list<const char*> texts) {
    File file = open(File::Access::append).value();
    for (const char* text : texts) {
      ASSERT_TRUE(file.append({event(Kind::deferred, text)}));
      ASSERT_TRUE(file.sync());
    }
  }

  posix::TestFolder folder_;
};

TEST_F(QueueFileTest, WhatWasAcceptedIsRead) {
  const File file = open(File::Access::read).value();
  EXPECT_EQ(file.header().id, kId);
  EXPECT_EQ(file.header().content_octets, kContent.size());
  EXPECT_EQ(octets().substr(file.content_offset(), kContent.size()), kContent);
  EXPECT_EQ(file.meta().uid, 1000u);
  EXPECT_EQ(file.meta().envelope.sender, "a@b");
  EXPECT_EQ(file.state().recipients.size(), 3u);
  EXPECT_TRUE(file.state().any_waiting());
  EXPECT_THAT(file.events(), IsEmpty());
}

TEST_F(QueueFileTest, WhatIsAppendedIsRead) {
  append_synced({"one", "two"});
  EXPECT_EQ(read(), "one two");
  append_synced({"three"});
  EXPECT_EQ(read(), "one two three");
}

TEST_F(QueueFileTest, EachAppendIsOneWriteAndNoSync) {
  File file = open(File::Access::append).value();
  test_calls::Scope calls;
  ASSERT_TRUE(file.append({event(Kind::delivered, "a", {0}),
                           event(Kind::failed, "b", {1, 2}),
                           {.kind = Kind::next, .next_us = 9}}));
  EXPECT_THAT(calls.log, ElementsAre("pwrite"));
  ASSERT_TRUE(file.append({}));
  EXPECT_THAT(calls.log, ElementsAre("pwrite"));
  ASSERT_TRUE(file.sync());
  EXPECT_THAT(calls.log, ElementsAre("pwrite", "fsync"));
  EXPECT_FALSE(file.state().any_waiting());
}

// A sync of it may have failed before, which another sync would not make good.
TEST_F(QueueFileTest, OpeningToAppendWritesTheLogAgainBeforeItSyncs) {
  append_synced({"one", "two"});
  const std::string before = octets();
  test_calls::Scope calls;
  const File file = open(File::Access::append).value();
  EXPECT_THAT(calls.log, ::testing::IsSupersetOf({"pwrite", "fsync"}));
  EXPECT_EQ(calls.log.back(), "fsync");
  EXPECT_EQ(octets(), before);
}

TEST_F(QueueFileTest, EveryTornTailLosesOnlyTheTornRecord) {
  append_synced({"one", "two", "three"});
  const std::string whole = octets();
  const std::size_t one = whole.find("\xf5PQ\nZ");
  const std::size_t two = whole.find("\xf5PQ\nZ", one + 1);
  const std::size_t three = whole.find("\xf5PQ\nZ", two + 1);
  for (std::size_t n = one; n <= whole.size(); ++n) {
    const std::size_t good = n == whole.size() ? n : n >= three ? three : n >= two ? two : one;
    const std::string want = good == whole.size() ? "one two three"
                             : good == three      ? "one two"
                             : good == two        ? "one"
                                                  : "";
    put(whole.substr(0, n));
    EXPECT_EQ(read(), want) << n;
    EXPECT_EQ(octets().size(), n) << "reading changes nothing";
    EXPECT_EQ(read(File::Access::append), want) << n;
    EXPECT_EQ(octets(), whole.substr(0, good)) << n;
    append_synced({"more"});
    EXPECT_EQ(read(), want.empty() ? "more" : want + " more") << n;
  }
}

TEST_F(QueueFileTest, AFileCutBeforeItsLogIsDamage) {
  const std::string whole = accepted();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    put(whole.substr(0, n));
    EXPECT_THAT(read(), HasSubstr("damage: message ")) << n;
    EXPECT_THAT(read(File::Access::append), HasSubstr("damage: ")) << n;
    EXPECT_EQ(octets().size(), n) << "damage is left as it is";
  }
}

TEST_F(QueueFileTest, DamageIsNamedWithItsPlace) {
  const std::string prefix = "damage: message " + kId.text() + " is damaged at octet ";
  put("");
  EXPECT_EQ(read(), prefix + "0: bad header");
  put(accepted().substr(0, 99));
  EXPECT_EQ(read(), prefix + "99: bad envelope");
  put(Header{.id = Id::make(1, 1)}.encode());
  EXPECT_EQ(read(), prefix + "0: the header has another id");
  std::string odd = Header{.id = kId}.encode();
  add(odd, {.kind = Kind::envelope, .payload = "nonsense"});
  put(odd);
  EXPECT_EQ(read(), prefix + "80: an envelope that cannot be read");
}

TEST_F(QueueFileTest, NotARegularFileIsDamageAndNeverWaitedFor) {
  ASSERT_EQ(::mkfifo(folder_.path("fifo").c_str(), 0600), 0);
  Result<File> file = File::open(folder_.fd(), "fifo", kId, File::Access::read);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().sys, EBADMSG);
  ASSERT_EQ(::symlink("m", folder_.path("link").c_str()), 0);
  EXPECT_EQ(File::open(folder_.fd(), "link", kId, File::Access::read).error().sys, ELOOP);
  EXPECT_EQ(File::open(folder_.fd(), "none", kId, File::Access::read).error().sys, ENOENT);
}

// Each octet of the synced log changed: the last record is taken for a torn one, every other is
// known to be damage by the one behind it.
TEST_F(QueueFileTest, EveryChangedOctetOfTheLogIsNoticed) {
  append_synced({"one", "two", "three"});
  const std::string whole = octets();
  const std::size_t three = whole.rfind("\xf5PQ\n");
  for (std::size_t at = accepted().size(); at < whole.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string bad = whole;
      bad[at] = static_cast<char>(bad[at] ^ change);
      put(bad);
      if (at >= three) {
        EXPECT_EQ(read(), "one two") << at;
      } else {
        EXPECT_THAT(read(), HasSubstr("a bad record, followed by a good one at octet")) << at;
      }
    }
  }
}

TEST_F(QueueFileTest, EveryChangedOctetOfHeaderAndEnvelopeIsDamage) {
  const std::string whole = accepted();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (at >= Header::kOctets && at < Header::kOctets + kContent.size()) continue;
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    put(bad);
    EXPECT_THAT(read(), HasSubstr("damage: ")) << at;
  }
}

TEST_F(QueueFileTest, AZeroFilledTailIsCutOff) {
  append_synced({"one"});
  const std::string whole = octets();
  for (const std::size_t zeros : {1u, 4u, 19u, 20u, 21u, 100u, 4096u, 70'000u}) {
    put(whole + std::string(zeros, '\0'));
    EXPECT_EQ(read(), "one");
    EXPECT_EQ(read(File::Access::append), "one");
    EXPECT_EQ(octets(), whole) << zeros;
  }
}

TEST_F(QueueFileTest, AnOldBlockInTheTailIsNoRecord) {
  append_synced({"one", "two"});
  const std::string whole = octets();
  const std::size_t one = whole.find("\xf5PQ\nZ");
  for (const std::size_t gap : {0u, 1u, 100u}) {
    put(whole + std::string(gap, '\0') + whole.substr(one));
    EXPECT_EQ(read(File::Access::append), "one two") << gap;
    EXPECT_EQ(octets(), whole);
  }
}

TEST_F(QueueFileTest, ARecordOfAnotherMessageOrGenerationIsNone) {
  const std::string whole = accepted();
  const Record record{.kind = Kind::held, .sequence = 1, .payload = "t1\0"s};
  put(whole + encode(record, Id::make(1, 1), 0, whole.size()));
  EXPECT_EQ(open(File::Access::read)->state().held, false);
  put(whole + encode(record, kId, 1, whole.size()));
  EXPECT_EQ(open(File::Access::read)->state().held, false);
  put(whole + encode(record, kId, 0, whole.size()));
  EXPECT_EQ(open(File::Access::read)->state().held, true);
}

// A crash may lose an earlier part of what was appended and not synced, and keep a later one.
TEST_F(QueueFileTest, ALostPageOfAnUnsyncedAppendIsATornTail) {
  {
    File file = open(File::Access::append).value();
    ASSERT_TRUE(file.append({event(Kind::deferred, "one")}));
    ASSERT_TRUE(file.sync());
    ASSERT_TRUE(file.append({event(Kind::deferred, "two"), event(Kind::deferred, "three")}));
    ASSERT_TRUE(file.append({event(Kind::deferred, "four")}));
  }
  std::string torn = octets();
  const std::size_t two = torn.find("wtwo") - 26;
  torn.replace(two, 31, 31, '\0');
  put(torn);
  EXPECT_EQ(read(), "one");
  EXPECT_EQ(read(File::Access::append), "one");
}

TEST_F(QueueFileTest, TheSameLossBehindASyncIsDamage) {
  {
    File file = open(File::Access::append).value();
    ASSERT_TRUE(file.append({event(Kind::deferred, "one"), event(Kind::deferred, "two")}));
    ASSERT_TRUE(file.sync());
    ASSERT_TRUE(file.append({event(Kind::deferred, "three")}));
    ASSERT_TRUE(file.append({event(Kind::deferred, "four")}));
  }
  std::string rotten = octets();
  rotten[rotten.find("wone") + 1] = 'x';
  put(rotten);
  EXPECT_THAT(read(), HasSubstr("damage: "));
  // Only "four" left behind it: it says that "three" was not synced, and that "two" was.
  const std::size_t four = rotten.rfind("\xf5PQ\n");
  rotten[rotten.find("wthree") + 1] = 'x';
  put(rotten);
  EXPECT_THAT(read(), HasSubstr(fmt::format("followed by a good one at octet {}", four)));
}

TEST_F(QueueFileTest, WhatWasReadIsSyncedBeforeItIsBuiltUpon) {
  {
    File file = open(File::Access::append).value();
    ASSERT_TRUE(file.append({event(Kind::deferred, "left unsynced by a killed process")}));
  }
  {
    test_calls::Scope calls;
    File file = open(File::Access::append).value();
    EXPECT_EQ(calls.count("fsync"), 1);
    ASSERT_TRUE(file.append({event(Kind::deferred, "next")}));
  }
  const std::string whole = octets();
  EXPECT_EQ(decode_head(std::string_view(whole).substr(whole.rfind("\xf5PQ\n")))->unsynced, 0u);
}

TEST_F(QueueFileTest, AFileWithoutALogCostsNoSync) {
  test_calls::Scope calls;
  ASSERT_TRUE(open(File::Access::append));
  EXPECT_EQ(calls.count("fsync"), 0);
  EXPECT_EQ(calls.count("ftruncate"), 0);
}

TEST_F(QueueFileTest, ATornTailThatCannotBeCutOrSyncedIsAnError) {
  put(accepted() + "torn");
  for (const char* call : {"ftruncate", "fsync"}) {
    test_calls::Scope calls;
    calls.fail(call, EIO, 1);
    Result<File> file = open(File::Access::append);
    ASSERT_FALSE(file) << call;
    EXPECT_EQ(file.error().sys, EIO);
    put(accepted() + "torn");
  }
}

TEST_F(QueueFileTest, TextThatHoldsARecordIsNotTakenForOneWhenTorn) {
  append_synced({"one"});
  std::string whole = octets();
  // A report that would be a good record at the very place where it comes to stand.
  const std::size_t inside = whole.size() + Record::kHeadOctets + "t7\0r0\0w"s.size();
  const std::string forged =
      encode({.kind = Kind::held, .sequence = 9, .payload = "t1"}, kId, 0, inside);
  {
    File file = open(File::Access::append).value();
    ASSERT_TRUE(file.append({event(Kind::deferred, forged)}));
  }
  whole = octets();
  put(whole.substr(0, whole.size() - 1));
  EXPECT_EQ(read(), "one");
}

TEST_F(QueueFileTest, UnknownKindsAreSkippedAndCounted) {
  std::string octets = accepted();
  add(octets, {.kind = static_cast<Kind>('!'), .sequence = 1, .payload = "from a later version"});
  add(octets, {.kind = Kind::deferred, .sequence = 2, .payload = "wtwo\0"s});
  put(octets);
  EXPECT_EQ(read(), "two");
  append_synced({"three"});
  EXPECT_EQ(read(), "two three");
}

TEST_F(QueueFileTest, AGoodRecordWithoutSenseIsDamage) {
  std::string octets = accepted();
  const std::size_t place = octets.size();
  add(octets, {.kind = Kind::deferred, .sequence = 1, .payload = "rx\0"s});
  put(octets);
  EXPECT_THAT(read(), HasSubstr(fmt::format("at octet {}: a record that cannot be read", place)));
}

TEST_F(QueueFileTest, AMissingRecordIsDamageWhereItWasSynced) {
  std::string octets = accepted();
  add(octets, {.kind = Kind::deferred, .sequence = 2, .payload = "wtwo\0"s});
  put(octets);
  EXPECT_THAT(read(), HasSubstr("damage: "));
  octets = accepted();
  add(octets, {.kind = Kind::deferred, .sequence = 2, .unsynced = 1, .payload = "wtwo\0"s});
  put(octets);
  EXPECT_EQ(read(), "");
}

TEST_F(QueueFileTest, RecipientsThatDoNotExistChangeNothing) {
  std::string octets = accepted();
  add(octets, {.kind = Kind::delivered, .sequence = 1, .payload = "r1\0r7-9\0wone\0"s});
  put(octets);
  const File file = open(File::Access::read).value();
  EXPECT_EQ(file.state().recipients.size(), 3u);
  EXPECT_EQ(file.state().recipients[1].status, Status::delivered);
  EXPECT_EQ(file.state().recipients[0].status, Status::waiting);
}

TEST_F(QueueFileTest, AfterAFailedWriteNothingIsAppended) {
  File file = open(File::Access::append).value();
  {
    test_calls::Scope calls;
    calls.fail("pwrite", ENOSPC, 1);
    Result<> done = file.append({event(Kind::delivered, "a")});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text, "writing message " + kId.text() + ": No space left on device");
  }
  EXPECT_EQ(file.state().recipients[0].status, Status::waiting) << "what is not written is not";
  EXPECT_FALSE(file.append({event(Kind::delivered, "b")}));
  EXPECT_FALSE(file.sync());
  EXPECT_EQ(octets(), accepted());
}

TEST_F(QueueFileTest, AfterAFailedSyncNothingIsBelieved) {
  File file = open(File::Access::append).value();
  ASSERT_TRUE(file.append({event(Kind::delivered, "a")}));
  test_calls::Scope calls;
  calls.fail("fsync", EIO, 1);
  EXPECT_FALSE(file.sync());
  EXPECT_FALSE(file.sync());
  EXPECT_FALSE(file.append({event(Kind::delivered, "b")}));
  EXPECT_EQ(calls.count("fsync"), 1) << "it is not asked again";
}

TEST_F(QueueFileTest, AHalfWrittenAppendIsCutAtTheNextOpen) {
  File file = open(File::Access::append).value();
  const std::size_t size = accepted().size();
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  (void)::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small{size + 10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Result<> done = file.append({event(Kind::delivered, "a")});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(done);
  EXPECT_EQ(octets().size(), size + 10);
  EXPECT_EQ(read(File::Access::append), "");
  EXPECT_EQ(octets(), accepted());
}

TEST_F(QueueFileTest, AHundredThousandRecipientsAreRead) {
  put(accepted(100'000));
  {
    File file = open(File::Access::append).value();
    ASSERT_EQ(file.state().recipients.size(), 100'000u);
    std::vector<std::uint32_t> even;
    for (std::uint32_t i = 0; i < 100'000; i += 2) even.push_back(i);
    ASSERT_TRUE(file.append({event(Kind::delivered, "even", even)}));
  }
  const File file = open(File::Access::read).value();
  EXPECT_EQ(file.state().recipients[99'998].status, Status::delivered);
  EXPECT_EQ(file.state().recipients[99'999].status, Status::waiting);
}

TEST_F(QueueFileTest, ALongLogKeepsItsLastEventsAndItsWholeState) {
  std::string octets = accepted();
  const std::size_t count = 2 * File::kKeptEvents + 5;
  for (std::uint32_t i = 1; i <= count; ++i) {
    add(octets,
        {.kind = Kind::deferred, .sequence = i, .payload = fmt::format("r0{0}w{1}{0}", '\0', i)});
  }
  put(octets);
  const File file = open(File::Access::read).value();
  EXPECT_EQ(file.state().recipients[0].attempts, count);
  EXPECT_EQ(file.events().size(), File::kKeptEvents + 5);
  EXPECT_EQ(file.events().back().text, fmt::format("{}", count));
}

TEST_F(QueueFileTest, ALengthBeyondTheFileCostsNoMemory) {
  std::string octets = accepted();
  octets += "\xf5PQ\nZ\0\0\0\xff\xff\xff\x0f\x01\0\0\0...."s;  // 256 MB, as it says
  put(octets);
  EXPECT_EQ(read(), "");
}

TEST(State, AttemptsLeaveTheirTraces) {
  State state;
  state.recipients.resize(3);
  state.apply(event(Kind::deferred, "busy", {0, 1}));
  state.apply(event(Kind::progress, "line 2", {0}));
  state.apply(event(Kind::delivered, "did 1+0+0", {0}));
  state.apply(event(Kind::failed, "no such user", {1}));
  state.apply({.kind = Kind::next, .next_us = 99, .attempts = 2});
  EXPECT_EQ(state.recipients[0].status, Status::delivered);
  EXPECT_EQ(state.recipients[0].attempts, 2u);
  EXPECT_EQ(state.recipients[0].progress, "line 2");
  EXPECT_EQ(state.recipients[0].text, "did 1+0+0");
  EXPECT_EQ(state.recipients[1].status, Status::failed);
  EXPECT_EQ(state.recipients[1].last_us, 7);
  EXPECT_EQ(state.recipients[2].status, Status::waiting);
  EXPECT_EQ(state.recipients[2].attempts, 0u);
  EXPECT_EQ(state.next_us, 99);
  EXPECT_EQ(state.attempts, 2u);
  EXPECT_TRUE(state.any_waiting());
}

TEST(State, ANoticeIsOpenFromIntentToQueued) {
  State state;
  state.recipients.resize(2);
  state.apply({.kind = Kind::intent, .recipients = {1}, .notice = kId});
  EXPECT_EQ(state.open_intents.at(kId), std::vector<std::uint32_t>{1});
  EXPECT_TRUE(state.recipients[1].noticed);
  EXPECT_FALSE(state.recipients[0].noticed);
  state.apply({.kind = Kind::noticed, .notice = kId});
  EXPECT_THAT(state.open_intents, IsEmpty());
  EXPECT_EQ(state.notices.count(kId), 1u);
  state.apply({.kind = Kind::noticed});
  EXPECT_EQ(state.notices.size(), 1u) << "a record without an id says nothing";
}

TEST(State, HeldReleasedAndCancelled) {
  State state;
  state.recipients.resize(2);
  state.apply(event(Kind::delivered, "", {0}));
  state.apply({.kind = Kind::held});
  EXPECT_TRUE(state.held);
  state.apply({.kind = Kind::released});
  EXPECT_FALSE(state.held);
  state.apply(event(Kind::cancelled, "", {0, 1}));
  EXPECT_EQ(state.recipients[0].status, Status::delivered) << "what is done stays done";
  EXPECT_EQ(state.recipients[1].status, Status::cancelled);
  EXPECT_FALSE(state.any_waiting());
}

}  // namespace
}  // namespace porpoise::queue
