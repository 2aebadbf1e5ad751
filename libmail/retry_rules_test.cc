#include "libmail/retry_rules.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

std::string error_of(std::string_view text) {
  const Result<RetryRules> rules = RetryRules::parse("control/retry", text);
  if (rules) return "none";
  EXPECT_EQ(rules.error().fate, Fate::permanent);
  return rules.error().text;
}

RetryRules rules_of(std::string_view text) {
  Result<RetryRules> rules = RetryRules::parse("control/retry", text);
  EXPECT_TRUE(rules) << error_of(text);
  return rules ? *rules : RetryRules();
}

std::size_t line_for(std::string_view text, std::string_view address, bool remote,
                     std::string_view report = "") {
  return rules_of(text).plan({.address = address, .remote = remote, .report = report}).line;
}

std::vector<std::int64_t> ages(std::int64_t step, int count) {
  std::vector<std::int64_t> result;
  std::int64_t now = 1'000'000;
  for (int i = 0; i < count; ++i) {
    now = quadratic_attempt(1'000'000, now, step);
    result.push_back(now - 1'000'000);
  }
  return result;
}

// ---- schedules

TEST(RetrySchedule, IsQuadratic) {
  EXPECT_EQ(ages(kRetryStepLocal, 6), (std::vector<std::int64_t>{100, 400, 900, 1600, 2500, 3600}));
  EXPECT_EQ(ages(kRetryStepRemote, 6),
            (std::vector<std::int64_t>{400, 1600, 3600, 6400, 10000, 14400}));
}

TEST(RetrySchedule, AWeekTakesAsManyAttemptsAsTheReferenceSays) {
  EXPECT_LE(ages(kRetryStepLocal, 77).back(), 604800);
  EXPECT_GT(ages(kRetryStepLocal, 78).back(), 604800);
  EXPECT_LE(ages(kRetryStepRemote, 38).back(), 604800);
  EXPECT_GT(ages(kRetryStepRemote, 39).back(), 604800);
}

TEST(RetrySchedule, ABirthInTheFutureCountsAsNow) {
  EXPECT_EQ(quadratic_attempt(9000, 1000, kRetryStepLocal), 1100);
}

TEST(RetrySchedule, OneThatIsHereSinceATimeToComeIsAsOldAsItsAttempts) {
  const RetryPlan plan;
  EXPECT_EQ(plan.next(9000, 1000, 0), 1100);
  EXPECT_EQ(plan.next(9000, 1000, 1), 1100);
  EXPECT_EQ(plan.next(9000, 1000, 2), 1000 - 100 + 400);
  EXPECT_EQ(plan.next(9000, 1000, 3), 1000 - 400 + 900);
  EXPECT_EQ(plan.next(9000, 1000, 4'000'000'000), 1000 + kMaxRetryWait);
  EXPECT_EQ(plan.next(999, 1000, 3), quadratic_attempt(999, 1000, kRetryStepLocal));
}

TEST(RetrySchedule, AListOfWaitsEndsInItsLastOne) {
  const RetryPlan plan = rules_of("* * waits=5m,15m,1h").plan({.address = "a@b"});
  EXPECT_EQ(plan.next(0, 0, 1), 300);
  EXPECT_EQ(plan.next(0, 300, 2), 1200);
  EXPECT_EQ(plan.next(0, 1200, 3), 4800);
  EXPECT_EQ(plan.next(0, 4800, 4), 8400);
  EXPECT_EQ(plan.next(0, 4800, 4'000'000'000), 8400);
  EXPECT_EQ(plan.next(0, 0, 0), 300);
}

TEST(RetrySchedule, NoWaitIsLongerThanTheLongest) {
  const RetryPlan plan = rules_of("* * longest=1h").plan({.address = "a@b"});
  EXPECT_EQ(plan.next(0, 0, 1), 100);
  EXPECT_EQ(plan.next(0, 1'000'000, 9), 1'003'600);
  EXPECT_EQ(rules_of("* * waits=1m,1d longest=10m").plan({.address = "a@b"}).next(0, 0, 2), 600);
}

TEST(RetrySchedule, TheAgesEndWithTheAttemptAfterTheLifetime) {
  const RetryPlan plan = rules_of("* * waits=10m,1h lifetime=3h").plan({.address = "a@b"});
  EXPECT_EQ(retry_ages(plan, plan.lifetime_s, 100),
            (std::vector<std::int64_t>{0, 600, 4200, 7800, 11400}));
  EXPECT_EQ(retry_ages(plan, plan.lifetime_s, 2), (std::vector<std::int64_t>{0, 600}));
  EXPECT_EQ(retry_ages(RetryPlan(), 0, 100), (std::vector<std::int64_t>{0, 100}));
}

// ---- which rule

TEST(RetryRules, WithoutOneTheUsualScheduleHolds) {
  const RetryRules rules;
  const RetryPlan here = rules.plan({.address = "a@b", .remote = false});
  EXPECT_EQ(here.step, kRetryStepLocal);
  EXPECT_EQ(here.line, 0u);
  EXPECT_EQ(here.lifetime_s, -1);
  EXPECT_TRUE(here.remember);
  EXPECT_EQ(rules.plan({.address = "a@b", .remote = true}).step, kRetryStepRemote);
}

TEST(RetryRules, TheFirstThatFitsDecidesAlone) {
  const char* text = "# mine\n\nfar.test * waits=1m\n* * lifetime=1d\n";
  EXPECT_EQ(line_for(text, "a@far.test", true), 3u);
  EXPECT_EQ(line_for(text, "a@near.test", true), 4u);
  EXPECT_EQ(rules_of(text).plan({.address = "a@far.test", .remote = true}).lifetime_s, -1);
}

TEST(RetryRules, PatternsMeanAnAddressAHostASuffixOrAChannel) {
  const char* text =
      "Bob@Far.Test * lifetime=1d\n"
      "far.test * lifetime=2d\n"
      ".sub.test * lifetime=3d\n"
      "*@at.test * lifetime=4d\n"
      "*.star.test * lifetime=5d\n"
      "local * lifetime=6d\n";
  EXPECT_EQ(line_for(text, "bOB@far.tesT", true), 1u);
  EXPECT_EQ(line_for(text, "bobby@far.test", true), 2u);
  EXPECT_EQ(line_for(text, "x@a.far.test", true), 0u);
  EXPECT_EQ(line_for(text, "x@a.sub.test", true), 3u);
  EXPECT_EQ(line_for(text, "x@sub.test", true), 0u);
  EXPECT_EQ(line_for(text, "x@at.test", true), 4u);
  EXPECT_EQ(line_for(text, "x@a.star.test", true), 5u);
  EXPECT_EQ(line_for(text, "x@other.test", false), 6u);
  EXPECT_EQ(line_for("remote * lifetime=1d", "x@other.test", false), 0u);
  EXPECT_EQ(line_for("remote * lifetime=1d", "x@other.test", true), 1u);
  EXPECT_EQ(line_for("far.test * lifetime=1d", "a@b@far.test", true), 1u);
  EXPECT_EQ(line_for("far.test * lifetime=1d", "no-domain", true), 0u);
}

TEST(RetryRules, ErrorsAreStatusesOrWords) {
  const char* text =
      "* 4.7.1 lifetime=1d\n"
      "* 4.2.* lifetime=2d\n"
      "* *.4 lifetime=3d\n"
      "* ~try_later lifetime=4d\n";
  EXPECT_EQ(line_for(text, "a@b", true, "451 4.7.1 greylisted"), 1u);
  EXPECT_EQ(line_for(text, "a@b", true, "451 4.7.12 no"), 0u);
  EXPECT_EQ(line_for(text, "a@b", true, "mailbox full (#4.2.2)"), 2u);
  EXPECT_EQ(line_for(text, "a@b", true, "connection refused (#4.4.1)"), 3u);
  EXPECT_EQ(line_for(text, "a@b", true, "Please Try Later."), 4u);
  EXPECT_EQ(line_for(text, "a@b", true, "nothing known"), 0u);
  EXPECT_EQ(line_for(text, "a@b", true), 0u);
}

TEST(RetryRules, AProgramsOwnStatusCountsBesideThatOfItsExitCode) {
  const char* report =
      "msmtp: 451 4.7.1 greylisted\nexit code 69: the service is not available (#4.3.0)\n";
  EXPECT_EQ(line_for("* 4.7.* lifetime=1d", "a@b", true, report), 1u);
  EXPECT_EQ(line_for("* 4.3.* lifetime=1d", "a@b", true, report), 1u);
}

TEST(RetryRules, StatusesInAReport) {
  const auto all = [](std::string_view report) {
    std::string text;
    for (const StatusCode& code : ReportStatus::all(report)) text += code.text() + " ";
    return text;
  };
  EXPECT_EQ(all(""), "");
  EXPECT_EQ(all("(#4.3.0)"), "4.3.0 ");
  EXPECT_EQ(all("451 4.7.1 no\nexit (#4.3.0)\n"), "4.7.1 4.3.0 ");
  EXPECT_EQ(all("(#9.3.0) (# (#) (#4.3 4.3.0. 10.0.0.1 x4.4.4"), "");
  EXPECT_EQ(all("4.0.0 4.0.1 4.0.2 4.0.3 4.0.4 4.0.5 4.0.6 4.0.7 4.0.8"),
            "4.0.0 4.0.1 4.0.2 4.0.3 4.0.4 4.0.5 4.0.6 4.0.7 ");
}

TEST(RetryRules, SettingsAreKept) {
  const RetryPlan plan = rules_of("\t* *  quadratic=30 longest=2h\tlifetime=36h remember=no \r\n")
                             .plan({.address = "a@b"});
  EXPECT_EQ(plan.step, 30);
  EXPECT_EQ(plan.longest_s, 7200);
  EXPECT_EQ(plan.lifetime_s, 36 * 3600);
  EXPECT_FALSE(plan.remember);
  EXPECT_EQ(plan.line, 1u);
}

// ---- what is wrong

TEST(RetryRules, WhatIsWrongIsNamedWithItsLine) {
  const char* setting = "is no setting: there are waits, quadratic, longest, lifetime and remember";
  EXPECT_EQ(error_of("* *\n"),
            "control/retry line 1: want a pattern, an error and at least one setting: "
            "* * lifetime=5d");
  EXPECT_EQ(error_of("# x\n\n* * 5d\n"),
            "control/retry line 3: \"5d\" is no setting: want NAME=VALUE");
  EXPECT_EQ(error_of("* * life=5d\n"), fmt::format("control/retry line 1: \"life\" {}", setting));
  EXPECT_EQ(error_of("* * =5d\n"), fmt::format("control/retry line 1: \"\" {}", setting));
  EXPECT_EQ(error_of("* * lifetime=5x\n"),
            "control/retry line 1: lifetime: \"5x\" is no time: want digits and s, m, h, d or w");
  EXPECT_EQ(error_of("* * waits=5m,,1h\n").substr(0, 31), "control/retry line 1: waits: \"\"");
  EXPECT_EQ(error_of("* * waits=\n"), "control/retry line 1: waits: want times: 5m,15m,1h");
  EXPECT_EQ(error_of("* * waits=0s\n"),
            "control/retry line 1: waits: \"0s\" is too short a time: at least 1s");
  EXPECT_EQ(error_of("* * waits=2d\n"),
            "control/retry line 1: waits: \"2d\" is too long a time: at most 1d");
  EXPECT_EQ(error_of("* * waits=1m quadratic=5\n"),
            "control/retry line 1: waits and quadratic are two schedules: want one of them");
  EXPECT_EQ(error_of("* * quadratic=0\n"),
            "control/retry line 1: quadratic: \"0\" is no number from 1 to 10000");
  EXPECT_EQ(error_of("* * lifetime=1d lifetime=2d\n"),
            "control/retry line 1: lifetime is said twice");
  EXPECT_EQ(error_of("* * remember=maybe\n"),
            "control/retry line 1: remember: \"maybe\" is neither yes nor no");
  EXPECT_EQ(error_of("* 5.1.1 lifetime=1d\n"),
            "control/retry line 1: 5.1.1: what failed for good is never tried again");
}

TEST(RetryRules, PatternsAndErrorsThatMeanNothingAreRefused) {
  for (const char* pattern : {"a*", "*.", ".", "@", "a@", "*@", "a.*.test", "**"}) {
    EXPECT_EQ(error_of(fmt::format("{} * lifetime=1d", pattern)),
              fmt::format("control/retry line 1: \"{}\" is no pattern: want *, local, remote, "
                          "user@host, host or .suffix",
                          pattern));
  }
  for (const char* error :
       {"4", "4.", "4.x", "2.0.0", "4.1.1.1", "~", "4..1", "4.1000", "timeout"}) {
    EXPECT_EQ(error_of(fmt::format("* {} lifetime=1d", error)),
              fmt::format("control/retry line 1: \"{}\" is no error: want *, a status like 4.7.* "
                          "or ~TEXT",
                          error));
  }
}

TEST(RetryRules, TooManyOfAnythingAreRefused) {
  std::string rules;
  for (std::size_t i = 0; i <= kMaxRetryRules; ++i) rules += "* * lifetime=1d\n";
  EXPECT_EQ(error_of(rules), "control/retry line 501: more than 500 entries");
  std::string waits = "* * waits=1m";
  for (std::size_t i = 0; i < kMaxRetryWaits; ++i) waits += ",1m";
  EXPECT_EQ(error_of(waits), "control/retry line 1: waits: more than 100 times");
  EXPECT_EQ(error_of(std::string(5000, 'x')), "control/retry line 1: more than 4096 octets");
}

TEST(RetryRules, AnErrorIsOneReadableLine) {
  EXPECT_EQ(error_of("* * a\x1b\xff"
                     "b\n"),
            "control/retry line 1: \"a??b\" is no setting: want NAME=VALUE");
  EXPECT_EQ(
      error_of("* * " + std::string(100, 'y')),
      "control/retry line 1: \"" + std::string(60, 'y') + "...\" is no setting: want NAME=VALUE");
}

}  // namespace
}  // namespace porpoise::mail
