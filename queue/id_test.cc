#include "queue/id.h"

#include <gtest/gtest.h>

namespace porpoise::queue {
namespace {

constexpr std::int64_t kNow = 1'795'252'194'123'456;
constexpr std::uint64_t kAllRandom = 0xffffffffff;

TEST(Id, TextIsReadBackTheSame) {
  for (const std::int64_t time :
       {std::int64_t{0}, std::int64_t{1}, kNow, (std::int64_t{1} << 56) - 1}) {
    for (const std::uint64_t random : {std::uint64_t{0}, std::uint64_t{0x123456789a}, kAllRandom}) {
      const Id id = Id::make(time, random);
      EXPECT_EQ(id.text().size(), Id::kLength);
      EXPECT_EQ(Id::parse(id.text()), id) << id.text();
      EXPECT_EQ(id.wall_us(), time);
    }
  }
}

TEST(Id, KnownTexts) {
  EXPECT_EQ(Id().text(), "00000000000000000000");
  EXPECT_EQ(Id::make(0, 1).text(), "00000000000000000001");
  EXPECT_EQ(Id::make(1, 0).text(), "00000000000100000000");
  EXPECT_EQ(Id::make(0, kAllRandom).text(), "000000000000zzzzzzzz");
  EXPECT_EQ(Id::make(-1, kAllRandom).text(), "1zzzzzzzzzzzzzzzzzzz");
}

TEST(Id, NamesSortByTime) {
  const Id early = Id::make(kNow, kAllRandom);
  const Id late = Id::make(kNow + 1, 0);
  EXPECT_LT(early, late);
  EXPECT_LT(early.text(), late.text());
}

TEST(Id, OnlyFortyBitsOfTheRandomPartAreTaken) {
  EXPECT_EQ(Id::make(kNow, ~std::uint64_t{0}), Id::make(kNow, kAllRandom));
}

TEST(Id, TheFolderComesFromTheRandomPart) {
  EXPECT_EQ(Id::make(kNow, 0).folder(), "00");
  EXPECT_EQ(Id::make(kNow, 33).folder(), "11");
  EXPECT_EQ(Id::make(kNow, kAllRandom).folder(), "zz");
  EXPECT_EQ(Id::make(kNow, 33).folder(), Id::make(kNow + 99, 33).folder());
}

TEST(Id, AnythingElseIsNoId) {
  const std::string good = Id::make(kNow, kAllRandom).text();
  EXPECT_TRUE(Id::parse(good));
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(Id::parse(good.substr(0, n)));
  EXPECT_FALSE(Id::parse(good + "0"));
  for (const char bad : std::string_view("ilouAZ-_. /\n\0\xff", 14)) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string text = good;
      text[at] = bad;
      EXPECT_FALSE(Id::parse(text)) << text;
    }
  }
  EXPECT_FALSE(Id::parse("2" + good.substr(1))) << "97 bits";
  EXPECT_FALSE(Id::parse(good + std::string(1, '\0')));
}

}  // namespace
}  // namespace porpoise::queue
