#include "inject/settings.h"

#include <gtest/gtest.h>
#include <map>

namespace porpoise::inject {
namespace {

const HostDefaults kDefaults = {"dh.test", "dd.test", "pd.test", "id.test"};

Outcome<Settings> settings(const std::map<std::string, std::string>& variables,
                           const HostDefaults& defaults = kDefaults) {
  return make_settings(
      [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      defaults);
}

std::string error(const std::map<std::string, std::string>& variables,
                  const HostDefaults& defaults = kDefaults) {
  const Outcome<Settings> s = settings(variables, defaults);
  if (s) return "none";
  EXPECT_EQ(sysexit(s.error()), 78);
  EXPECT_EQ(s.error().error.exit_code(), 100);
  return s.error().error.text;
}

TEST(Settings, AnEmptyEnvironmentLeavesTheControlFiles) {
  const Outcome<Settings> s = settings({});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->hosts.default_host, "dh.test");
  EXPECT_EQ(s->hosts.default_domain, "dd.test");
  EXPECT_EQ(s->hosts.plus_domain, "pd.test");
  EXPECT_EQ(s->id_host, "id.test");
  EXPECT_FALSE(s->user || s->host || s->name || s->sender_user || s->sender_host);
}

TEST(Settings, TheEnvironmentOverridesTheControlFiles) {
  const Outcome<Settings> s = settings({{"QMAILDEFAULTHOST", "a"},
                                        {"QMAILDEFAULTDOMAIN", "b"},
                                        {"QMAILPLUSDOMAIN", "c"},
                                        {"QMAILIDHOST", "d"}});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->hosts.default_host, "a");
  EXPECT_EQ(s->hosts.default_domain, "b");
  EXPECT_EQ(s->hosts.plus_domain, "c");
  EXPECT_EQ(s->id_host, "d");
}

TEST(Settings, EveryVariableOfQmailHasANeutralName) {
  std::map<std::string, std::string> v = {{"MAILDEFAULTHOST", "a"}, {"MAILDEFAULTDOMAIN", "b"},
                                          {"MAILPLUSDOMAIN", "c"},  {"MAILIDHOST", "d"},
                                          {"MAILSUSER", "e"},       {"MAILSHOST", "f"},
                                          {"MAILUSER", "g"},        {"MAILHOST", "h"},
                                          {"MAILNAME", "i"},        {"MAILINJECT", "c"}};
  const auto all = [&] {
    const Settings s = settings(v).value();
    return fmt::format("{} {} {} {} {} {} {} {} {} {}", s.hosts.default_host,
                       s.hosts.default_domain, s.hosts.plus_domain, s.id_host, *s.sender_user,
                       *s.sender_host, *s.user, *s.host, *s.name, s.letters.comment_from);
  };
  EXPECT_EQ(all(), "a b c d e f g h i true");
  for (const auto& [name, value] : std::map(v)) v["Q" + name] = name == "MAILINJECT" ? "" : "Q";
  EXPECT_EQ(all(), "Q Q Q Q Q Q Q Q Q false");
}

TEST(Settings, WhatIsTooLongIsRefused) {
  const std::string user(kLongestUser + 1, 'u');
  EXPECT_EQ(error({{"USER", user}}), "USER in the environment: longer than 256 octets");
  EXPECT_EQ(error({{"USER", user.substr(1)}}), "none");
  const std::string host(kLongestHost + 1, 'h');
  EXPECT_EQ(error({{"MAILHOST", host}}), "MAILHOST in the environment: longer than 255 octets");
  EXPECT_EQ(error({{"MAILHOST", host.substr(1)}}), "none");
  EXPECT_EQ(error({}, {host, "a", "b", "c"}), "control/defaulthost: longer than 255 octets");
}

TEST(Settings, TheFirstUserThatIsNotEmptyCounts) {
  std::map<std::string, std::string> v = {{"LOGNAME", "d"}};
  EXPECT_EQ(settings(v)->user, "d");
  v["USER"] = "c";
  EXPECT_EQ(settings(v)->user, "c");
  v["MAILUSER"] = "b";
  EXPECT_EQ(settings(v)->user, "b");
  v["QMAILUSER"] = "a";
  EXPECT_EQ(settings(v)->user, "a");
  v["QMAILUSER"] = "";
  EXPECT_EQ(settings(v)->user, "b");
}

TEST(Settings, TheFirstNameThatIsSetCountsEvenIfItIsEmpty) {
  EXPECT_EQ(settings({{"NAME", "c"}, {"MAILNAME", "b"}, {"QMAILNAME", "a"}})->name, "a");
  EXPECT_EQ(settings({{"NAME", "c"}, {"MAILNAME", ""}})->name, "");
}

TEST(Settings, HostsAndSenders) {
  const Outcome<Settings> s = settings(
      {{"MAILHOST", "h"}, {"QMAILHOST", ""}, {"QMAILSUSER", "su"}, {"QMAILSHOST", "[1.2.3.4]"}});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->host, "h");
  EXPECT_EQ(s->sender_user, "su");
  EXPECT_EQ(s->sender_host, "[1.2.3.4]");
}

TEST(Settings, NothingFromOutsideCanEndALine) {
  EXPECT_EQ(error({{"USER", "joe\nBcc: x"}}), "USER in the environment holds a control character");
  EXPECT_EQ(error({{"QMAILSUSER", "\x7f"}}),
            "QMAILSUSER in the environment holds a control character");
  EXPECT_EQ(
      error({{"MAILHOST", "h\nBcc: x"}}),
      "MAILHOST in the environment: \"h\nBcc: x\" is no host name: an octet that cannot stand "
      "there");
  EXPECT_EQ(error({{"QMAILIDHOST", "a>b"}}),
            "QMAILIDHOST in the environment: \"a>b\" is no host name: an octet that cannot stand "
            "there");
  EXPECT_EQ(error({{"QMAILSHOST", "a..b"}}),
            "QMAILSHOST in the environment: \"a..b\" is no host name: an empty part");
}

TEST(Settings, AControlFileThatMakesNoSenseIsNamed) {
  EXPECT_EQ(error({}, {"dh.test", "a b", "pd.test", "id.test"}),
            "control/defaultdomain: \"a b\" is no host name: an octet that cannot stand there");
  EXPECT_EQ(error({{"QMAILDEFAULTDOMAIN", "good.test"}}, {"dh.test", "a b", "pd.test", "id.test"}),
            "none");
}

TEST(Settings, TheLettersAreReadInAnyOrder) {
  const Letters l = settings({{"QMAILINJECT", "zmc"}})->letters;
  EXPECT_TRUE(l.comment_from && l.message_verp);
  EXPECT_FALSE(l.ignore_return_path || l.delete_from || l.delete_message_id || l.recipient_verp);
  const Letters m = settings({{"QMAILINJECT", "sfir"}})->letters;
  EXPECT_TRUE(m.ignore_return_path && m.delete_from && m.delete_message_id && m.recipient_verp);
  EXPECT_FALSE(m.comment_from || m.message_verp);
}

TEST(Settings, AGecosFieldHoldsTheNameBeforeItsFirstComma) {
  EXPECT_EQ(gecos_name("Joe Doe,Room 5,,", "joe"), "Joe Doe");
  EXPECT_EQ(gecos_name("", "joe"), "");
  EXPECT_EQ(gecos_name("& Doe", "joe"), "Joe Doe");
  EXPECT_EQ(gecos_name("&", "9x"), "9x");
  EXPECT_EQ(gecos_name("&", ""), "");
}

TEST(Settings, SysexitsHasACodeForEachCause) {
  const Error e;
  EXPECT_EQ(sysexit({Cause::usage, e}), 64);
  EXPECT_EQ(sysexit({Cause::data, e}), 65);
  EXPECT_EQ(sysexit({Cause::no_input, e}), 66);
  EXPECT_EQ(sysexit({Cause::elsewhere, e}), 68);
  EXPECT_EQ(sysexit({Cause::unavailable, e}), 69);
  EXPECT_EQ(sysexit({Cause::software, e}), 70);
  EXPECT_EQ(sysexit({Cause::system, e}), 71);
  EXPECT_EQ(sysexit({Cause::output, e}), 74);
  EXPECT_EQ(sysexit({Cause::input, e}), 74);
  EXPECT_EQ(sysexit({Cause::later, e}), 75);
  EXPECT_EQ(sysexit({Cause::permission, e}), 77);
  EXPECT_EQ(sysexit({Cause::configuration, e}), 78);
}

}  // namespace
}  // namespace porpoise::inject
