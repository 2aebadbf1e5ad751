#include "queue/attempt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace porpoise::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using End = Attempted::End;
using namespace std::string_literals;

TEST(ReadAttempts, EachRecipientIsThreeFields) {
  EXPECT_THAT(
      read_attempts("K\0a@b\0did 1+0+0\n\0Z\0c@d\0\0D\0e@f\0no\nway\0"s),
      ElementsAre(Attempted{End::delivered, "a@b", "did 1+0+0\n"},
                  Attempted{End::deferred, "c@d", ""}, Attempted{End::failed, "e@f", "no\nway"}));
}

TEST(ReadAttempts, WhatIsCutOffIsPassedOver) {
  const std::string whole = "K\0a@b\0text\0"s;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THAT(read_attempts(whole.substr(0, n)), IsEmpty()) << n;
  }
  EXPECT_THAT(read_attempts(whole + "D\0x@y\0ha"s),
              ElementsAre(Attempted{End::delivered, "a@b", "text"}));
}

TEST(ReadAttempts, AnUnknownLetterPromisesNothing) {
  EXPECT_THAT(read_attempts("\0a\0b\0"s), ElementsAre(Attempted{End::deferred, "a", "b"}));
}

}  // namespace
}  // namespace porpoise::queue
