#include "libmail/address_json.h"

#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

std::string json(std::string_view body, JsonForm form = JsonForm::text) {
  const auto list = parse_addresses(body);
  if (!list) return fault_json(list.error());
  const auto line = address_json(body, *list, form);
  return line ? *line : fault_json(line.error());
}

TEST(AddressJson, OneObjectAMailboxInWrittenOrder) {
  EXPECT_EQ(json(""), "[]");
  EXPECT_EQ(json("(nobody)"), "[]");
  EXPECT_EQ(json("undisclosed-recipients:;"), "[]");
  EXPECT_EQ(json("joe"), R"([{"display":"","local":"joe","domain":null,"group":null}])");
  EXPECT_EQ(json("B <b@x.y>, G: \"a b\"@[1];, <>"),
            R"([{"display":"B","local":"b","domain":"x.y","group":null}, )"
            R"({"display":"","local":"a b","domain":"[1]","group":"G"}, )"
            R"({"display":"","local":"","domain":null,"group":null}])");
}

TEST(AddressJson, StringsAreQuotedAsJsonWantsThem) {
  EXPECT_EQ(json("\"a\\\"\\\\\x01\x7f/\"@x"),
            R"([{"display":"","local":"a\"\\\u0001\u007f/","domain":"x","group":null}])");
  EXPECT_EQ(
      json("j\u00f6 <\u00f6@\u20ac>"),
      "[{\"display\":\"j\u00f6\",\"local\":\"\u00f6\",\"domain\":\"\u20ac\",\"group\":null}]");
}

TEST(AddressJson, NamesAreDecoded) {
  EXPECT_EQ(json("=?utf-8?q?J=C3=B6rg?= =?l1?q?x?= <a@b>").substr(0, 18),
            "[{\"display\":\"J\u00f6rg");
  EXPECT_EQ(json("=?utf-8?q?a=0Ab=22?= <a@b>"),
            R"([{"display":"a\u000ab\"","local":"a","domain":"b","group":null}])");
  EXPECT_EQ(json("=?utf-8?q?Die_J=C3=B6rgs?=: a@b;"),
            "[{\"display\":\"\",\"local\":\"a\",\"domain\":\"b\",\"group\":\"Die J\u00f6rgs\"}]");
}

TEST(AddressJson, OctetsThatAreNotUtf8AreReplacedInNamesAndRefusedElsewhere) {
  EXPECT_EQ(json("J\xf6rg \"\xff\" <a@b>"),
            "[{\"display\":\"J\ufffdrg \ufffd\",\"local\":\"a\",\"domain\":\"b\",\"group\":null}]");
  EXPECT_EQ(json("(\xf6) a@b"), R"([{"display":"","local":"a","domain":"b","group":null}])");
  EXPECT_EQ(json("\u00f6 <\u00f6\xf6@b>"), "{\"error\":\"not UTF-8: \\\"\ufffd@b>\\\"\",\"at\":6}");
  EXPECT_EQ(json("a@b\xf6"), "{\"error\":\"not UTF-8: \\\"\ufffd\\\"\",\"at\":3}");
  EXPECT_EQ(json("J\xf6rg <a@b>, x g\xf6: a@b;"),
            "{\"error\":\"not UTF-8: \\\"\ufffd: a@b;\\\"\",\"at\":15}");
}

TEST(AddressJson, Base64HoldsTheOctetsAsTheyAre) {
  EXPECT_EQ(
      json("J\xf6rg =?utf-8?q?x?= <\xf6@b>, g\xf6: a;", JsonForm::base64),
      R"([{"display":"SvZyZyA9P3V0Zi04P3E/eD89","local":"9g==","domain":"Yg==","group":null}, )"
      R"({"display":"","local":"YQ==","domain":null,"group":"Z/Y="}])");
}

TEST(AddressJson, AFaultSaysWhere) {
  EXPECT_EQ(json("a, \"b"), R"({"error":"no '\"' closes this quoted text: \"\"b\"","at":3})");
  EXPECT_EQ(fault_json({7, "x\n\xff"}), "{\"error\":\"x\\u000a\ufffd\",\"at\":7}");
}

}  // namespace
}  // namespace porpoise::mail
