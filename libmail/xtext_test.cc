#include "libmail/xtext.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

TEST(Xtext, PrintableAsciiStandsForItself) {
  EXPECT_EQ(encode_xtext("Joe@x.test!~"), "Joe@x.test!~");
  EXPECT_EQ(encode_xtext("a+b=c d"), "a+2Bb+3Dc+20d");
  EXPECT_EQ(encode_xtext("\0\r\n\x7f\xff"s), "+00+0D+0A+7F+FF");
  EXPECT_EQ(encode_xtext(""), "");
}

TEST(Xtext, WhatIsEncodedIsDecoded) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(decode_xtext(encode_xtext(all)), all);
  EXPECT_EQ(decode_xtext("a+2Bb"), "a+b");
  EXPECT_EQ(decode_xtext("+41"), "A");
}

TEST(Xtext, TheFaultIsWhereItStopsBeingXtext) {
  EXPECT_EQ(xtext_fault("a+2Bb"), std::nullopt);
  EXPECT_EQ(xtext_fault(""), std::nullopt);
  EXPECT_EQ(xtext_fault("a b"), 1u);
  EXPECT_EQ(xtext_fault("a=b"), 1u);
  EXPECT_EQ(xtext_fault("+zz"), 0u);
  EXPECT_EQ(xtext_fault("+2b"), 0u);
  EXPECT_EQ(xtext_fault("+2"), 0u);
  EXPECT_EQ(xtext_fault("ab+"), 2u);
  EXPECT_EQ(xtext_fault("+4 "), 0u);
  EXPECT_EQ(xtext_fault("\xff"), 0u);
  EXPECT_EQ(decode_xtext("ab+"), std::nullopt);
}

TEST(Xtext, PrintableIsWhatFitsALine) {
  EXPECT_TRUE(is_printable_xtext("QQ+20x"));
  EXPECT_TRUE(is_printable_xtext(""));
  EXPECT_FALSE(is_printable_xtext("a+0D+0Ab"));
  EXPECT_FALSE(is_printable_xtext("+7F"));
  EXPECT_FALSE(is_printable_xtext("+C3+A9"));
  EXPECT_FALSE(is_printable_xtext("+"));
}

}  // namespace
}  // namespace porpoise::mail
