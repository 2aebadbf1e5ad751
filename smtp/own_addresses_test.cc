#include "smtp/own_addresses.h"

#include <gtest/gtest.h>

namespace porpoise::smtp {
namespace {

using namespace std::string_literals;

TEST(OwnAddresses, LiteralsAreRead) {
  EXPECT_EQ(literal_octets("[192.0.2.1]"), "\xc0\0\x02\x01"s);
  EXPECT_EQ(literal_octets("[IPv6:::1]"), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"s);
  EXPECT_EQ(literal_octets("[ipv6:::ffff:192.0.2.1]"), "\xc0\0\x02\x01"s);
}

TEST(OwnAddresses, WhatIsNoLiteralHasNoOctets) {
  for (const char* text :
       {"", "[]", "[", "]", "192.0.2.1", "[192.0.2.1", "[192.0.2]", "[192.0.2.256]", "[::1]",
        "[IPv6:192.0.2.1]", "[IPv6:]", "[x:y]", "[192.0.2.1 ]", "[127.1]"}) {
    EXPECT_EQ(literal_octets(text), "") << text;
    EXPECT_FALSE(OwnAddresses({""}).holds(text)) << text;
  }
}

TEST(OwnAddresses, AreWrittenAsLiterals) {
  for (const char* text : {"[192.0.2.1]", "[IPv6:2001:db8::1]"}) {
    EXPECT_EQ(print_literal(literal_octets(text)), text);
  }
}

TEST(OwnAddresses, LoopbackAndAnyAreAlwaysOurs) {
  const OwnAddresses none({});
  for (const char* text : {"[127.0.0.1]", "[127.9.9.9]", "[0.0.0.0]", "[IPv6:::1]", "[IPv6:::]",
                           "[IPv6:::ffff:127.0.0.1]"}) {
    EXPECT_TRUE(none.holds(text)) << text;
  }
  EXPECT_FALSE(none.holds("[192.0.2.1]"));
  EXPECT_FALSE(none.holds("[IPv6:2001:db8::1]"));
  EXPECT_TRUE(OwnAddresses({"\xc0\0\x02\x01"s}).holds("[192.0.2.1]"));
}

TEST(OwnAddresses, OfThisHost) {
  EXPECT_TRUE(OwnAddresses::of_this_host().holds("[127.0.0.1]"));
  EXPECT_FALSE(OwnAddresses::of_this_host().holds("[192.0.2.77]"));
}

}  // namespace
}  // namespace porpoise::smtp
