#include "maildir/unique_name.h"

#include <gtest/gtest.h>

namespace porpoise::maildir {
namespace {

TEST(UniqueName, SaysWhenWhoAndWhere) {
  const Stamp stamp{.wall_us = 1'700'000'000'000'042,
                    .pid = 321,
                    .sequence = 7,
                    .random = 0xfeed,
                    .host = "mx.here.test"};
  EXPECT_EQ(unique_name(stamp), "1700000000.M42P321Q7R000000000000feed.mx.here.test");
}

TEST(UniqueName, CarriesBothSizes) {
  EXPECT_EQ(with_sizes("1.2.h", 10, 12), "1.2.h,S=10,W=12");
  EXPECT_EQ(with_sizes("1.2.h", 10, std::nullopt), "1.2.h,S=10");
}

TEST(SafeHost, EscapesWhatReadersLookFor) {
  EXPECT_EQ(safe_host("a/b:c,d e\n"), "a\\057b\\072c\\054d\\040e\\012");
}

TEST(SafeHost, KeepsOtherOctets) {
  EXPECT_EQ(safe_host("b\xc3\xbc-ro.test"), "b\xc3\xbc-ro.test");
}

TEST(SafeHost, IsCutBetweenEscapes) {
  EXPECT_EQ(safe_host(std::string(200, 'x')), std::string(kMaxHostOctets, 'x'));
  EXPECT_EQ(safe_host("abc" + std::string(200, '/')).size(), 3 + 31 * 4u);
}

}  // namespace
}  // namespace porpoise::maildir
