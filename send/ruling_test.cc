#include "send/ruling.h"

#include <gtest/gtest.h>

namespace porpoise::send {
namespace {

Ruling ruling(Channel channel, std::string_view report, std::string_view rules = "") {
  return rule_on(*mail::RetryRules::parse("control/retry", rules), "Bob@Far.Test", "Bob@Far.Test",
                 channel, report);
}

TEST(Ruling, MailboxesSystemsAndNetworksAreTheDestination) {
  for (const char* report : {"(#4.2.1)", "full (#4.2.2)", "(#4.3.0)", "(#4.4.1)", "451 4.4.2 x"}) {
    EXPECT_TRUE(ruling(Channel::remote, report).about_destination) << report;
    EXPECT_TRUE(ruling(Channel::local, report).about_destination) << report;
  }
}

TEST(Ruling, PolicyContentSizeAndTheUnknownMayBeTheMessage) {
  for (const char* report :
       {"", "try later", "451 4.7.1 greylisted", "(#4.6.0)", "(#4.5.0)", "(#4.2.3)", "(#4.3.4)",
        "(#4.0.0)", "(#4.1.8)", "451 4.7.1 greylisted\nexit code 69 (#4.3.0)"}) {
    EXPECT_FALSE(ruling(Channel::remote, report).about_destination) << report;
    EXPECT_FALSE(ruling(Channel::remote, report).unreachable) << report;
  }
}

TEST(Ruling, OnlyANetworkBetweenMakesAHostUnreachable) {
  EXPECT_TRUE(ruling(Channel::remote, "(#4.4.1)").unreachable);
  EXPECT_FALSE(ruling(Channel::remote, "(#4.2.2)").unreachable);
  EXPECT_FALSE(ruling(Channel::local, "(#4.4.1)").unreachable);
}

TEST(Ruling, TheSameErrorHasTheSameNumber) {
  EXPECT_EQ(ruling(Channel::remote, "a (#4.4.1)").error,
            ruling(Channel::remote, "b (#4.4.1)").error);
  EXPECT_NE(ruling(Channel::remote, "(#4.4.1)").error, ruling(Channel::remote, "(#4.4.2)").error);
  EXPECT_NE(ruling(Channel::remote, "(#4.4.1)").error, ruling(Channel::remote, "(#4.1.4)").error);
}

TEST(Ruling, ARuleSwitchesTheMemoryOff) {
  const Ruling r = ruling(Channel::remote, "(#4.4.1)", "far.test * remember=no");
  EXPECT_FALSE(r.about_destination);
  EXPECT_FALSE(r.unreachable);
  EXPECT_EQ(r.plan->line, 1u);
}

TEST(Ruling, NamesAnAddressHereAndAHostElsewhere) {
  EXPECT_EQ(ruling(Channel::local, "(#4.2.1)").name, "bob@far.test");
  EXPECT_EQ(ruling(Channel::remote, "(#4.4.1)").name, "far.test");
}

TEST(DestinationOf, IsTheAddressHereAndTheHostElsewhere) {
  const auto local = [](std::string_view a) { return destination_of(a, Channel::local, 1); };
  const auto remote = [](std::string_view a) { return destination_of(a, Channel::remote, 1); };
  EXPECT_EQ(local("Bob@here.test"), local("bob@HERE.test"));
  EXPECT_NE(local("bob@here.test"), local("ann@here.test"));
  EXPECT_EQ(remote("bob@far.test"), remote("ann@FAR.test"));
  EXPECT_NE(remote("bob@far.test"), remote("bob@near.test"));
  EXPECT_NE(remote("far.test"), local("far.test"));
  EXPECT_NE(destination_of("a@b", Channel::local, 1), destination_of("a@b", Channel::local, 2));
  EXPECT_NE(local(""), 0u);
}

TEST(CrowdOf, IsTheUserHereAndTheHostElsewhere) {
  const auto local = [](std::string_view a) { return crowd_of(a, Channel::local, 1); };
  EXPECT_EQ(local("Eve@here.test"), local("eve-1@here.test"));
  EXPECT_EQ(local("eve-1@here.test"), local("EVE-2-x@second.test"));
  EXPECT_EQ(local("eve-a@b@here.test"), local("eve"));
  EXPECT_NE(local("eve@here.test"), local("ev@here.test"));
  EXPECT_NE(local("eve@here.test"), local("eve1@here.test"));
  EXPECT_EQ(local("eve@a-b.test"), local("eve@c.test"));
  EXPECT_NE(local("eve@here.test"), destination_of("eve@here.test", Channel::local, 1));
  EXPECT_NE(local(""), 0u);
  EXPECT_EQ(crowd_of("a-b@far.test", Channel::remote, 1),
            destination_of("c@far.test", Channel::remote, 1));
}

}  // namespace
}  // namespace porpoise::send
