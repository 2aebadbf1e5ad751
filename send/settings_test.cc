#include "send/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queue/test_queue.h"

namespace porpoise::send {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SettingsTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) const {
    queue_.folder().write("instance/control/" + name, text);
  }
  Settings load() const {
    Result<Settings> settings = Settings::load(queue_.instance());
    EXPECT_TRUE(settings) << settings.error().text;
    return *settings;
  }
  std::string error() const {
    const Result<Settings> settings = Settings::load(queue_.instance());
    if (settings) return "none";
    EXPECT_EQ(settings.error().fate, Fate::temporary);
    return settings.error().text;
  }
  queue::TestQueue queue_;
};

// R1123-5.3.1.1-give-up-4-5-days
TEST_F(SettingsTest, WithoutFilesTheDefaultsHold) {
  const Settings s = load();
  EXPECT_EQ(s.limits().deliveries, 10u);
  EXPECT_EQ(s.limits().remote, 20u);
  EXPECT_EQ(s.limits().per_recipient, 4u);
  EXPECT_EQ(s.limits().per_host, 5u);
  EXPECT_EQ(s.limits().lifetime_s, 604800);
  EXPECT_TRUE(s.rules().empty());
}

TEST_F(SettingsTest, EachFileIsRead) {
  put("concurrencylocal", "0\n");
  put("concurrencyremote", "500\n");
  put("concurrencyrecipient", "1\n");
  put("concurrencyhost", "7\n");
  put("queuelifetime", "3600\n");
  put("retry", "* * lifetime=1d\n");
  const Settings s = load();
  EXPECT_EQ(s.limits().deliveries, 0u);
  EXPECT_EQ(s.limits().remote, 500u);
  EXPECT_EQ(s.limits().per_recipient, 1u);
  EXPECT_EQ(s.limits().per_host, 7u);
  EXPECT_EQ(s.limits().lifetime_s, 3600);
  EXPECT_GE(s.limits().open_per_class, 1000u);  // room for twice what can run
  EXPECT_FALSE(s.rules().empty());
}

TEST_F(SettingsTest, WhatIsWrongIsNamed) {
  put("retry", "# x\n* * lifetime=5x\n");
  EXPECT_EQ(error(),
            "control/retry line 2: lifetime: \"5x\" is no time: want digits and s, m, h, d or w");
  put("concurrencyhost", "0\n");
  EXPECT_EQ(error(), "control/concurrencyhost: 0 is not from 1 to 500");
  put("concurrencylocal", "501\n");
  EXPECT_EQ(error(), "control/concurrencylocal: 501 is not from 0 to 500");
}

TEST_F(SettingsTest, AReloadTakesWhatIsRightAndKeepsWhatWas) {
  put("concurrencylocal", "3\n");
  put("queuelifetime", "50\n");
  put("retry", "* * lifetime=1d\n");
  Settings s = load();
  put("concurrencylocal", "many\n");
  put("concurrencyremote", "4\n");
  put("queuelifetime", "x\n");
  put("retry", "* * lifetime=1d\nwrong\n");
  put("virtualdomains", "a:b\nno colon\n");
  EXPECT_THAT(
      s.reload(queue_.instance()),
      ElementsAre("alert: unable to reread the routing tables, the old ones stay: "
                  "control/virtualdomains line 2: \"no colon\" has no colon",
                  "alert: unable to reread control/concurrencylocal, the old value stays: "
                  "control/concurrencylocal: \"many\" is not a number",
                  "alert: unable to reread control/queuelifetime, the old value stays: "
                  "control/queuelifetime: \"x\" is not a number",
                  "alert: unable to reread control/retry, the old value stays: control/retry line "
                  "2: want a pattern, an error and at least one setting: * * lifetime=5d"));
  EXPECT_EQ(s.limits().deliveries, 3u);
  EXPECT_EQ(s.limits().remote, 4u);
  EXPECT_EQ(s.limits().lifetime_s, 50);
  EXPECT_EQ(s.rules().plan({.address = "a@b"}).line, 1u);
  put("concurrencylocal", "5\n");
  put("queuelifetime", "60\n");
  put("retry", "");
  put("virtualdomains", "");
  EXPECT_THAT(s.reload(queue_.instance()), IsEmpty());
  EXPECT_EQ(s.limits().deliveries, 5u);
  EXPECT_TRUE(s.rules().empty());
}

}  // namespace
}  // namespace porpoise::send
