#include "libmail/message_id.h"

#include <gtest/gtest.h>
#include <set>

namespace porpoise::mail {
namespace {

TEST(MessageId, SaysWhenWhoAndWhere) {
  EXPECT_EQ(make_message_id({1795234794123456, 4711, 0}, "here.test"),
            "<20261121041954.123456.4711.0000000000000@here.test>");
  EXPECT_EQ(make_message_id({1795234794000007, 1, ~std::uint64_t{0}}, "h"),
            "<20261121041954.000007.1.fzzzzzzzzzzzz@h>");
}

TEST(MessageId, AMomentBefore1970CountsUpwardsToo) {
  EXPECT_EQ(make_message_id({-1, 1, 1}, "h"), "<19691231235959.999999.1.0000000000001@h>");
}

TEST(MessageId, DiffersWherePidAndTimeAreTheSame) {
  std::set<std::string> seen;
  for (std::uint64_t random = 0; random < 10000; ++random) {
    seen.insert(make_message_id({1795234794000000, 1, random << 40 | random}, "h"));
  }
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(MessageId, HoldsOnlyWhatMayStandUnquoted) {
  const std::string id = make_message_id({1795234794123456, 99, 0x123456789abcdef0}, "a.b-c");
  EXPECT_EQ(id.front(), '<');
  EXPECT_EQ(id.back(), '>');
  EXPECT_EQ(id.find_first_not_of("<>@.-0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
}

}  // namespace
}  // namespace porpoise::mail
