#include "front/retry_explain.h"

#include <gtest/gtest.h>

namespace porpoise::front {
namespace {

RetryExplanation sample() {
  RetryExplanation e;
  e.address = "bob@far.test";
  e.route = "another host: far.test is in no list of local domains";
  e.plan.waits = {600, 3600};
  e.plan.line = 3;
  e.lifetime_s = 7200;
  e.ages_s = {0, 600, 4200, 7800};
  return e;
}

TEST(RetryExplanation, ListsTheAttemptsUntilTheLastOne) {
  EXPECT_EQ(sample().text(),
            "address: bob@far.test\n"
            "route: another host: far.test is in no list of local domains\n"
            "rule: control/retry line 3\n"
            "lifetime: 2h\n"
            "attempt 1: at once\n"
            "attempt 2: after 10m\n"
            "attempt 3: after 1h10m\n"
            "attempt 4: after 2h10m, the last one: then it is returned\n");
}

TEST(RetryExplanation, SaysThatThereAreMore) {
  RetryExplanation e = sample();
  e.plan.line = 0;
  e.plan.remember = false;
  e.error = "4.7.1\x1b";
  e.ages_s = {0};
  EXPECT_EQ(e.text(),
            "address: bob@far.test\n"
            "route: another host: far.test is in no list of local domains\n"
            "error: 4.7.1?\n"
            "rule: none of control/retry: the usual schedule\n"
            "lifetime: 2h\n"
            "remember: no\n"
            "attempt 1: at once\n"
            "and so on\n");
}

TEST(RetryExplanation, IsOneObjectAsJson) {
  RetryExplanation e = sample();
  e.error = "\"";
  EXPECT_EQ(e.json(),
            R"({"address":"bob@far.test",)"
            R"("route":"another host: far.test is in no list of local domains","error":"\"",)"
            R"("line":3,"lifetime_s":7200,"remember":true,"attempts_s":[0,600,4200,7800]})"
            "\n");
}

TEST(PrintAge, HasEveryUnitThatCounts) {
  EXPECT_EQ(print_age(0), "0s");
  EXPECT_EQ(print_age(400), "6m40s");
  EXPECT_EQ(print_age(86400), "1d");
  EXPECT_EQ(print_age(90061), "1d1h1m1s");
}

}  // namespace
}  // namespace porpoise::front
