#include "queue/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queue/test_queue.h"

namespace porpoise::queue {
namespace {

// 21 Nov 2026 04:16:12 GMT
constexpr std::int64_t kThen = 1'795'234'572'000'000;

class ListingTest : public ::testing::Test {
 protected:
  ListingTest() : spool_(Spool::open(queue_.instance()).value()) {
    queue_.folder().write("instance/control/locals", "here.test\n");
  }

  File submitted(const mail::Envelope& envelope) {
    const SubmitOptions options{.id = Id::make(kThen, 99)};
    return spool_.open_file(queue_.submit("hello\n", envelope, options), File::Access::append)
        .value();
  }
  // The listing without its first line, whose date is today's.
  std::string recipients(const File& file) {
    const Router router = Router::load(queue_.instance()).value();
    const std::string text = list_text(file, &router);
    return text.substr(text.find('\n') + 1);
  }

  TestQueue queue_;
  Spool spool_;
};

TEST_F(ListingTest, TheFirstLineIsThatOfTheReference) {
  File file = submitted({.sender = "bob@mx.example.org", .recipients = {{"x@here.test"}}});
  const std::string text = list_text(file, nullptr);
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        "^[1-3]?[0-9] [A-Z][a-z][a-z] 20[0-9][0-9] [0-9:]+ GMT  #" +
                        file.header().id.text() + "  [0-9]+  <bob@mx.example.org> \n"));
  ASSERT_TRUE(file.append({{.kind = Kind::intent, .recipients = {0}, .notice = Id::make(1, 1)}}));
  EXPECT_THAT(list_text(file, nullptr), ::testing::HasSubstr("<bob@mx.example.org>  bouncing\n"));
  ASSERT_TRUE(file.append({{.kind = Kind::noticed, .notice = Id::make(1, 1)}}));
  EXPECT_THAT(list_text(file, nullptr), ::testing::HasSubstr("<bob@mx.example.org> \n"));
}

TEST_F(ListingTest, LocalRecipientsComeFirstAndFinishedOnesSaySo) {
  File file = submitted({.recipients = {{"a@far.test"}, {"b@here.test"}, {"c@HERE.test"}}});
  EXPECT_EQ(recipients(file), "\tlocal\tb@here.test\n\tlocal\tc@HERE.test\n\tremote\ta@far.test\n");
  ASSERT_TRUE(file.append({{.kind = Kind::delivered, .wall_us = kThen, .recipients = {1}},
                           {.kind = Kind::failed, .wall_us = kThen, .recipients = {0}}}));
  EXPECT_EQ(recipients(file),
            "  done\tlocal\tb@here.test\n\tlocal\tc@HERE.test\n  done\tremote\ta@far.test\n");
}

TEST_F(ListingTest, AWaitingRecipientSaysWhy) {
  File file = submitted({.recipients = {{"b@here.test"}}});
  const Event deferred{
      .kind = Kind::deferred, .wall_us = kThen, .recipients = {0}, .text = "disk\nfull"};
  ASSERT_TRUE(file.append({deferred}));
  EXPECT_EQ(recipients(file),
            "\tlocal\tb@here.test\n\t\tattempt 1 at 21 Nov 2026 04:16:12 GMT: disk_full\n");
  ASSERT_TRUE(file.append({deferred, {.kind = Kind::next, .next_us = kThen + 400'000'000}}));
  EXPECT_EQ(
      recipients(file),
      "\tlocal\tb@here.test\n\t\tattempt 2 at 21 Nov 2026 04:16:12 GMT: disk_full; next try 21 "
      "Nov 2026 04:22:52 GMT\n");
  ASSERT_TRUE(file.append({{.kind = Kind::held}}));
  EXPECT_THAT(recipients(file), ::testing::EndsWith("disk_full; held\n"));
}

// R5322-5-escape-sequences
TEST_F(ListingTest, NothingUnprintableReachesATerminal) {
  const File file = submitted({.sender = "a\x1b[2J@b", .recipients = {{"\x80\n\t@here.test"}}});
  EXPECT_THAT(list_text(file, nullptr),
              ::testing::HasSubstr("<a_[2J@b> \n\tlocal\t___@here.test\n"));
}

TEST_F(ListingTest, JsonSaysItAll) {
  File file = submitted({.sender = "a\"@b", .recipients = {{"b@here.test"}, {"c@far.test"}}});
  ASSERT_TRUE(
      file.append({{.kind = Kind::deferred, .wall_us = 5, .recipients = {1}, .text = "no\tway"},
                   {.kind = Kind::next, .next_us = 9, .attempts = 1}}));
  const Router router = Router::load(queue_.instance()).value();
  EXPECT_EQ(
      list_json(file, Place::deferred, &router),
      fmt::format(
          "{{\"id\":\"{}\",\"place\":\"deferred\",\"arrival_us\":{},\"octets\":{},\"uid\":{},"
          "\"sender\":\"a\\\"@b\",\"attempts\":1,\"next_us\":9,\"held\":false,\"bouncing\":false,"
          "\"recipients\":[{{\"address\":\"b@here.test\",\"channel\":\"local\",\"status\":"
          "\"waiting\","
          "\"attempts\":0}},{{\"address\":\"c@far.test\",\"channel\":\"remote\",\"status\":"
          "\"waiting\","
          "\"attempts\":1,\"last_us\":5,\"text\":\"no\\u0009way\"}}]}}\n",
          file.header().id.text(), file.meta().arrival_us, file.header().content_octets,
          ::getuid()));
}

TEST(Json, StringsAreEscapedAndAlwaysUtf8) {
  EXPECT_EQ(json_string("a\"\\\n\x7f"), R"("a\"\\\u000a\u007f")");
  EXPECT_EQ(json_string(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json_string("j\xc3\xb6 \xe2\x82\xac \xf0\x9f\x90\xac"),
            "\"j\xc3\xb6 \xe2\x82\xac \xf0\x9f\x90\xac\"");
  const std::string bad = "\\ufffd";
  EXPECT_EQ(json_string("\xff"), '"' + bad + '"');
  EXPECT_EQ(json_string("\xc3"), '"' + bad + '"') << "cut short";
  EXPECT_EQ(json_string("\xc3z"), '"' + bad + "z\"");
  EXPECT_EQ(json_string("\xc0\x80"), '"' + bad + bad + '"') << "overlong";
  EXPECT_EQ(json_string("\xe0\x9f\xbf"), '"' + bad + bad + bad + '"') << "overlong";
  EXPECT_EQ(json_string("\xed\xa0\x80"), '"' + bad + bad + bad + '"') << "a surrogate";
  EXPECT_EQ(json_string("\xf4\x90\x80\x80"), '"' + bad + bad + bad + bad + '"') << "beyond";
  EXPECT_EQ(json_string("\xf0\x9f\x90"), '"' + bad + bad + bad + '"');
}

TEST_F(ListingTest, IdsAreSortedAndEachOnce) {
  const Id b = queue_.submit("", {}, {.id = Id::make(kThen + 2, 1)});
  const Id a = queue_.submit("", {}, {.id = Id::make(kThen + 1, 9)});
  const Id c = queue_.submit("", {}, {.id = Id::make(kThen + 3, 0)});
  ASSERT_TRUE(spool_.move_to_deferred(b));
  std::filesystem::create_hard_link(
      queue_.path() + "/queue/deferred/" + b.folder() + "/" + b.text(),
      queue_.path() + "/queue/incoming/" + b.text());
  EXPECT_EQ(all_ids(spool_).value(), (std::vector<Id>{a, b, c}));
}

}  // namespace
}  // namespace porpoise::queue
