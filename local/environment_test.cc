#include "local/environment.h"

#include <gtest/gtest.h>

namespace porpoise::local {
namespace {

constexpr std::int64_t kSeconds = 1'000'000;

Delivery delivery() {
  return {.user = "joe",
          .home = "/home/joe",
          .local = "joe-List-a-b",
          .dash = "-",
          .ext = "List-a-b",
          .host = "mx.here.test",
          .sender = "bob@x.test",
          .default_delivery = "./Maildir/"};
}

// The value of a variable; "(unset)".
std::string value(const std::vector<std::string>& environment, const std::string& name) {
  std::string found = "(unset)";
  for (const std::string& entry : environment) {
    if (entry.starts_with(name + "=")) found = entry.substr(name.size() + 1);
  }
  return found;
}

std::string variable(const Delivery& d, const std::string& name, Surroundings around = {}) {
  return value(environment_of(d, around), name);
}

TEST(Lines, DeliveredToNamesTheAddressAsRouted) {
  EXPECT_EQ(delivered_to_line(delivery()), "Delivered-To: joe-List-a-b@mx.here.test\n");
}

TEST(Lines, ALineFeedInAnAddressNeverBeginsAnotherLine) {
  Delivery d = delivery();
  d.local = "joe\nBcc: eve";
  EXPECT_EQ(delivered_to_line(d), "Delivered-To: joe_Bcc: eve@mx.here.test\n");
  EXPECT_EQ(return_path_line("a\nb@c"), "Return-Path: <\"a_b\"@c>\n");
  EXPECT_EQ(return_path_line("a@b\nc"), "Return-Path: <a@b_c>\n");
  EXPECT_EQ(from_line("a\nb@c", 0), "From a-b@c Thu Jan 01 00:00:00 1970\n");
}

TEST(Lines, ReturnPathOfTheNullSenderIsEmpty) {
  EXPECT_EQ(return_path_line(""), "Return-Path: <>\n");
}

TEST(Lines, ReturnPathQuotesALocalPartThatNeedsIt) {
  EXPECT_EQ(return_path_line("a.b@c"), "Return-Path: <a.b@c>\n");
  EXPECT_EQ(return_path_line("a b@c"), "Return-Path: <\"a b\"@c>\n");
  EXPECT_EQ(return_path_line("a@b@c"), "Return-Path: <\"a@b\"@c>\n");
  EXPECT_EQ(return_path_line("#@[]"), "Return-Path: <#@[]>\n");
}

TEST(Lines, FromHasNoBlanksInTheSender) {
  EXPECT_EQ(from_line("a b\tc@d", 1'000'000'000 * kSeconds),
            "From a-b-c@d Sun Sep 09 01:46:40 2001\n");
}

TEST(Lines, FromOfTheNullSenderIsMailerDaemon) {
  EXPECT_EQ(from_line("", 1'709'164'799 * kSeconds),
            "From MAILER-DAEMON Wed Feb 28 23:59:59 2024\n");
}

TEST(NewSender, IsTheSenderWithoutAnOwner) {
  EXPECT_EQ(new_sender(delivery(), false, false), "bob@x.test");
  EXPECT_EQ(new_sender(delivery(), false, true), "bob@x.test");
}

TEST(NewSender, IsTheOwnerWhereThereIsOne) {
  EXPECT_EQ(new_sender(delivery(), true, false), "joe-List-a-b-owner@mx.here.test");
}

TEST(NewSender, AsksForOneAddressARecipientWithOwnerDefault) {
  EXPECT_EQ(new_sender(delivery(), true, true), "joe-List-a-b-owner-@mx.here.test-@[]");
}

TEST(NewSender, NoticesKeepTheirs) {
  Delivery d = delivery();
  d.sender = "";
  EXPECT_EQ(new_sender(d, true, true), "");
  d.sender = "#@[]";
  EXPECT_EQ(new_sender(d, true, true), "#@[]");
}

TEST(Environment, TellsWhoGetsWhatFromWhom) {
  const auto all = environment_of(delivery(), {.wall_us = 0, .new_sender = "own@x"});
  EXPECT_EQ(value(all, "USER"), "joe");
  EXPECT_EQ(value(all, "LOGNAME"), "joe");
  EXPECT_EQ(value(all, "HOME"), "/home/joe");
  EXPECT_EQ(value(all, "LOCAL"), "joe-List-a-b");
  EXPECT_EQ(value(all, "HOST"), "mx.here.test");
  EXPECT_EQ(value(all, "RECIPIENT"), "joe-List-a-b@mx.here.test");
  EXPECT_EQ(value(all, "SENDER"), "bob@x.test");
  EXPECT_EQ(value(all, "NEWSENDER"), "own@x");
  EXPECT_EQ(value(all, "DTLINE"), "Delivered-To: joe-List-a-b@mx.here.test\n");
  EXPECT_EQ(value(all, "RPLINE"), "Return-Path: <bob@x.test>\n");
  EXPECT_EQ(value(all, "UFLINE"), "From bob@x.test Thu Jan 01 00:00:00 1970\n");
}

TEST(Environment, ExtensionsLoseADashEach) {
  const Delivery d = delivery();
  EXPECT_EQ(variable(d, "EXT"), "List-a-b");
  EXPECT_EQ(variable(d, "EXT2"), "a-b");
  EXPECT_EQ(variable(d, "EXT3"), "b");
  EXPECT_EQ(variable(d, "EXT4"), "");
}

TEST(Environment, HostsLoseTheirLastPartEach) {
  Delivery d = delivery();
  EXPECT_EQ(variable(d, "HOST2"), "mx.here");
  EXPECT_EQ(variable(d, "HOST3"), "mx");
  EXPECT_EQ(variable(d, "HOST4"), "mx");
  d.host = "localhost";
  EXPECT_EQ(variable(d, "HOST2"), "localhost");
  EXPECT_EQ(variable(d, "HOST4"), "localhost");
}

TEST(Environment, DefaultIsUnsetWhereNothingWasMatched) {
  EXPECT_EQ(variable(delivery(), "DEFAULT"), "(unset)");
  EXPECT_EQ(variable(delivery(), "DEFAULT", {.default_part = ""}), "");
  EXPECT_EQ(variable(delivery(), "DEFAULT", {.default_part = "a-b"}), "a-b");
}

TEST(Environment, OurProgramsComeFirst) {
  EXPECT_EQ(variable(delivery(), "PATH", {.program_folder = "/p/bin"}),
            "/p/bin:/usr/local/bin:/usr/bin:/bin");
  EXPECT_EQ(variable(delivery(), "PATH"), "/usr/local/bin:/usr/bin:/bin");
}

TEST(Environment, TheInstanceIsNamedWhereItIsKnown) {
  EXPECT_EQ(variable(delivery(), "PORPOISE"), "(unset)");
  EXPECT_EQ(variable(delivery(), "PORPOISE", {.instance = "/i"}), "/i");
}

TEST(Environment, NothingElseIsInIt) {
  EXPECT_EQ(environment_of(delivery(), {.default_part = "x", .instance = "/i"}).size(), 22u);
}

}  // namespace
}  // namespace porpoise::local
