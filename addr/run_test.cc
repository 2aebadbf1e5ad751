#include "addr/run.h"

#include <gtest/gtest.h>

#include "addr/lines.h"

namespace porpoise::addr {
namespace {

std::string of_message(std::string_view message, const Options& options) {
  mail::HeaderReader reader;
  reader.feed(message);
  const auto header = std::move(reader).finish();
  return header ? answers(*header, options) : header.error().text;
}

TEST(Addr, AnswersEachBodyWithOneLine) {
  EXPECT_EQ(answer("", {}), "[]");
  EXPECT_EQ(answer("A <a@b>", {}), R"([{"display":"A","local":"a","domain":"b","group":null}])");
  EXPECT_EQ(answer("a b@c", {}), R"([{"display":"","local":"a","domain":null,"group":null}, )"
                                 R"({"display":"","local":"b","domain":"c","group":null}])");
  EXPECT_EQ(answer("<a", {}), R"({"error":"no \">\" closes this \"<\": \"<a\"","at":0})");
}

TEST(Addr, StrictMeansTheGrammar) {
  const Options strict{.strict = true, .raw = false, .fields = {}};
  EXPECT_EQ(answer("A <a@b>", strict), answer("A <a@b>", {}));
  EXPECT_EQ(answer("", strict), "[]");
  EXPECT_EQ(answer("a b@c", strict), R"({"error":"expected \"<\" or \":\", not \"@c\"","at":3})");
}

TEST(Addr, RawTakesAnyOctetsAndGivesThemAsBase64) {
  const Options raw{.strict = false, .raw = true, .fields = {}};
  EXPECT_EQ(answer("\xff@b", raw),
            R"([{"display":"","local":"/w==","domain":"Yg==","group":null}])");
  EXPECT_EQ(answer("\xff@b", {}), "{\"error\":\"not UTF-8: \\\"\ufffd@b\\\"\",\"at\":0}");
}

TEST(Addr, PicksFieldsByWholeNameAndUnfoldsThem) {
  const std::string message =
      "To: a@b,\r\n c@d\r\nCc: e@f\r\nto : \"x\r\n y\" <g@h>\r\nX-To: z\r\nTo:\r\n\r\nTo: body\r\n";
  const Options to{.strict = true, .raw = false, .fields = {"tO"}};
  EXPECT_EQ(of_message(message, to), R"([{"display":"","local":"a","domain":"b","group":null}, )"
                                     R"({"display":"","local":"c","domain":"d","group":null}])"
                                     "\n"
                                     R"([{"display":"x y","local":"g","domain":"h","group":null}])"
                                     "\n[]\n");
  const Options two{.strict = false, .raw = false, .fields = {"Cc", "X-To"}};
  EXPECT_EQ(of_message(message, two), R"([{"display":"","local":"e","domain":"f","group":null}])"
                                      "\n"
                                      R"([{"display":"","local":"z","domain":null,"group":null}])"
                                      "\n");
  EXPECT_EQ(of_message(message, {.strict = false, .raw = false, .fields = {"T"}}), "");
}

TEST(Addr, AFieldBeyondTheLimitIsAnError) {
  const Options to{.strict = false, .raw = false, .fields = {"To"}};
  EXPECT_EQ(of_message("To: " + std::string(kMaxLine, 'x') + "\nTo: a\n", to),
            "{\"error\":\"longer than 1048576 octets\",\"at\":1048576}\n"
            R"([{"display":"","local":"a","domain":null,"group":null}])"
            "\n");
}

}  // namespace
}  // namespace porpoise::addr
