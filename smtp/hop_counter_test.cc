#include "smtp/hop_counter.h"

#include <gtest/gtest.h>
#include <string>

namespace porpoise::smtp {
namespace {

std::size_t count(std::string_view text) {
  HopCounter whole;
  whole.feed(text);
  for (std::size_t size : {1u, 2u, 7u}) {
    HopCounter pieces;
    for (std::size_t at = 0; at < text.size(); at += size) pieces.feed(text.substr(at, size));
    EXPECT_EQ(pieces.count(), whole.count()) << text;
  }
  return whole.count();
}

TEST(HopCounter, CountsBothFieldsInAnyCase) {
  EXPECT_EQ(count("Received: a\nSubject: x\nreceived:b\n c\nDELIVERED-TO: d\n"), 3u);
  EXPECT_EQ(count("Received:"), 1u);
}

TEST(HopCounter, NotFieldsThatOnlyBeginLikeThem) {
  EXPECT_EQ(count("Received-SPF: pass\nDelivered-Tomorrow: x\nReceive: x\nX-Received: y\n"), 0u);
  EXPECT_EQ(count("Subject: x\n Received: folded\n"), 0u);
}

TEST(HopCounter, NotTheBody) {
  EXPECT_EQ(count("Received: a\n\nReceived: b\n"), 1u);
  EXPECT_EQ(count("\nReceived: b\n"), 0u);
  EXPECT_EQ(count(""), 0u);
}

}  // namespace
}  // namespace porpoise::smtp
