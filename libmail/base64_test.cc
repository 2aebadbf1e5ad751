#include "libmail/base64.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

struct Pair {
  std::string_view octets;
  std::string_view text;
};

// RFC 4648 section 10.
constexpr Pair kExamples[] = {{"", ""},
                              {"f", "Zg=="},
                              {"fo", "Zm8="},
                              {"foo", "Zm9v"},
                              {"foob", "Zm9vYg=="},
                              {"fooba", "Zm9vYmE="},
                              {"foobar", "Zm9vYmFy"}};

TEST(Base64, ExamplesOfRfc4648) {
  for (const Pair& pair : kExamples) {
    std::string text = "x";
    append_base64(text, pair.octets);
    EXPECT_EQ(text, "x" + std::string(pair.text));
    EXPECT_EQ(base64_size(pair.octets.size()), pair.text.size());
    std::string octets = "y";
    EXPECT_TRUE(append_unbase64(octets, pair.text));
    EXPECT_EQ(octets, "y" + std::string(pair.octets));
  }
}

TEST(Base64, EveryOctetComesBack) {
  std::string octets;
  for (int i = 0; i < 256; ++i) octets += static_cast<char>(i);
  std::string text;
  append_base64(text, octets);
  std::string again;
  EXPECT_TRUE(append_unbase64(again, text));
  EXPECT_EQ(again, octets);
}

TEST(Base64, PaddingMayBeMissing) {
  std::string octets;
  EXPECT_TRUE(append_unbase64(octets, "Zg"));
  EXPECT_TRUE(append_unbase64(octets, "Zm8"));
  EXPECT_EQ(octets, "ffo");
}

TEST(Base64, WhatNoEncoderWritesIsRefusedAndLeavesNothing) {
  for (const std::string_view text : {"Z", "Zm9vY", "Zm 9v", "Zm9v\n", "Zm-_", "Zg=", "Zg===",
                                      "====", "Z=g=", "\xc3\xb6\x80\x80", "Zm9v="}) {
    std::string octets = "kept";
    EXPECT_FALSE(append_unbase64(octets, text)) << text;
    EXPECT_EQ(octets, "kept") << text;
  }
}

}  // namespace
}  // namespace porpoise::mail
