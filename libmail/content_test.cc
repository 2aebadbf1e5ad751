#include "libmail/content.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

std::string shown(const tl::expected<Content, FieldFault>& content) {
  if (!content) return fmt::format("{} {}", content.error().at, content.error().text);
  std::string text = content->value;
  for (const ContentParameter& p : content->parameters) {
    text += fmt::format("|{}={}", p.name, p.value);
  }
  return text + (content->repaired ? "|repaired" : "");
}
std::string type(std::string_view body) {
  return shown(parse_content_type(body));
}
std::string token(std::string_view body) {
  return shown(parse_content_token(body));
}

// R1123-5.2.13-s54-ua-content-type
TEST(Content, TypesAndTheirParameters) {
  EXPECT_EQ(type(" text/plain\r\n"), "text/plain");
  EXPECT_EQ(type("TEXT/Plain; Charset=US-ascii"), "text/plain|charset=US-ascii");
  EXPECT_EQ(type("text/plain; charset=us-ascii (Plain text)"), "text/plain|charset=us-ascii");
  EXPECT_EQ(type("multipart/mixed; boundary=\"gc0pJq0M:08jU534c0p\""),
            "multipart/mixed|boundary=gc0pJq0M:08jU534c0p");
  EXPECT_EQ(type("(a) text (b) / (c) plain (d) ; (e) x (f) = (g) \"y z\" (h)"), "text/plain|x=y z");
  EXPECT_EQ(type("text/x;a=\"b\r\n c\\\"\\\\;d\";e=f"), "text/x|a=b c\"\\;d|e=f");
}

TEST(Content, OtherFieldsHaveOneWord) {
  EXPECT_EQ(token(" Attachment; filename=genome.jpeg;\n\tmodification-date=\"Wed, 12 Feb 1997\""),
            "attachment|filename=genome.jpeg|modification-date=Wed, 12 Feb 1997");
  EXPECT_EQ(token("Quoted-Printable\n"), "quoted-printable");
}

TEST(Content, WithoutAValueItIsAFault) {
  EXPECT_EQ(type(""), "0 expected a type, not the end");
  EXPECT_EQ(type(" ;charset=x"), "1 expected a type, not \";charset=x\"");
  EXPECT_EQ(type("text"), "4 expected \"/\", not the end");
  EXPECT_EQ(type("text;charset=x"), "4 expected \"/\", not \";charset=x\"");
  EXPECT_EQ(type("text/"), "5 expected a subtype, not the end");
  EXPECT_EQ(type("/plain"), "0 expected a type, not \"/plain\"");
  EXPECT_EQ(type("(text/plain"), "0 no \")\" closes this comment");
  EXPECT_EQ(type("t\xc3\xb6xt/plain"), "1 expected \"/\", not \"??xt/plain\"");
  EXPECT_EQ(type(" \0text/plain"s), "1 expected a type, not \"?text/plain\"");
  EXPECT_EQ(token("\"attachment\""), "0 expected a word, not \"?attachment?\"");
}

TEST(Content, Rfc2231Section3) {
  EXPECT_EQ(type("message/external-body; access-type=URL;\r\n"
                 " URL*0=\"ftp://\";\r\n"
                 " URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\""),
            "message/external-body|access-type=URL"
            "|url=ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar");
}

TEST(Content, Rfc2231Section4) {
  EXPECT_EQ(type("application/x-stuff;\r\n"
                 " title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"),
            "application/x-stuff|title=This is ***fun***");
  EXPECT_EQ(type("application/x-stuff\r\n"
                 " ; title*0*=us-ascii'en'This%20is%20even%20more%20\r\n"
                 " ; title*1*=%2A%2A%2Afun%2A%2A%2A%20\r\n"
                 " ; title*2=\"isn't it!\""),
            "application/x-stuff|title=This is even more ***fun*** isn't it!");
}

TEST(Content, SectionsMayComeInAnyOrderAndBetweenOthers) {
  EXPECT_EQ(type("a/b; x*1=2; y=0; x*2=3; x*0=1"), "a/b|x=123|y=0");
}

TEST(Content, EncodedValuesWinOverPlainOnes) {
  EXPECT_EQ(token("attachment; filename=a; filename*=utf-8''%C3%B6"), "attachment|filename=\u00f6");
  EXPECT_EQ(token("attachment; filename*0*=iso-8859-1''%F6; filename=a"),
            "attachment|filename=\u00f6");
}

TEST(Content, ACharacterMayBeCutByTwoSections) {
  EXPECT_EQ(type("a/b; x*0*=utf-8''%C3; x*1*=%B6"), "a/b|x=\u00f6");
}

TEST(Content, MissingSectionsEndTheValue) {
  EXPECT_EQ(type("a/b; x*0=1; x*2=3"), "a/b|x=1|repaired");
  EXPECT_EQ(type("a/b; x*1=2; x=1"), "a/b|x=1|repaired");
  EXPECT_EQ(type("a/b; x*1=2"), "a/b|repaired");
}

TEST(Content, BrokenSectionsAreReadAsFarAsTheyGo) {
  EXPECT_EQ(type("a/b; x*=%C3%B6"), "a/b|x=\u00f6|repaired");
  EXPECT_EQ(type("a/b; x*=utf-8'%C3%B6"), "a/b|x=utf-8'\u00f6|repaired");
  EXPECT_EQ(type("a/b; x*=''%C3%B6"), "a/b|x=\u00f6");
  EXPECT_EQ(type("a/b; x*=x-none''%C3%B6"), "a/b|x=\u00f6|repaired");
  EXPECT_EQ(type("a/b; x*=x-none''%F6"), "a/b|x=\ufffd|repaired");
  EXPECT_EQ(type("a/b; x*=us-ascii''%F6"), "a/b|x=\ufffd|repaired");
  EXPECT_EQ(type("a/b; x*=utf-8''%4%zz%"), "a/b|x=%4%zz%|repaired");
  EXPECT_EQ(type("a/b; x*y=1; x*0*1=2; *=3; *0=4; x**=5"), "a/b|repaired");
  EXPECT_EQ(type("a/b; x*99999=1"), "a/b|repaired");
}

TEST(Content, ForgivesWhatRealMailHas) {
  EXPECT_EQ(type("text/html; charset=utf-8;"), "text/html|charset=utf-8|repaired");
  EXPECT_EQ(type("text/html;; charset=utf-8"), "text/html|charset=utf-8|repaired");
  EXPECT_EQ(type("text/html charset=utf-8; x=y"), "text/html|x=y|repaired");
  EXPECT_EQ(token("attachment; filename=my file (1).pdf; x=y"),
            "attachment|filename=my file (1).pdf|x=y|repaired");
  EXPECT_EQ(type("multipart/mixed; boundary=----=_Part_12"),
            "multipart/mixed|boundary=----=_Part_12|repaired");
  EXPECT_EQ(token("attachment; filename=\"=?utf-8?q?=C3=B6?=\""),
            "attachment|filename=\u00f6|repaired");
  EXPECT_EQ(token("attachment; filename=\"\xc3\xb6\""), "attachment|filename=\u00f6");
  EXPECT_EQ(token("attachment; filename=\"\xf6\""), "attachment|filename=\ufffd|repaired");
  EXPECT_EQ(token("attachment; filename=\"no end; x=y\r\n"),
            "attachment|filename=no end; x=y|repaired");
  EXPECT_EQ(type("text/plain; charset=\"utf-8\" x; y=z"), "text/plain|charset=utf-8|y=z|repaired");
  EXPECT_EQ(type("text/plain; x=1; x=2"), "text/plain|x=1|repaired");
  EXPECT_EQ(type("text/plain; =x; y; z=; w=1"), "text/plain|w=1|repaired");
  EXPECT_EQ(type("text/plain; x=1 (no end; y=2"), "text/plain|x=1 (no end|y=2|repaired");
  EXPECT_EQ(type("text/plain; x \"a;b\" ; y=2"), "text/plain|y=2|repaired");
}

TEST(Content, MoreParametersThanTheLimitAreLeftOut) {
  std::string body = "a/b";
  for (std::size_t i = 0; i <= kMaxParameters; ++i) body += fmt::format("; p{}=1", i);
  const auto content = parse_content_type(body);
  ASSERT_TRUE(content);
  EXPECT_EQ(content->parameters.size(), kMaxParameters);
  EXPECT_TRUE(content->repaired);
}

TEST(Content, AParameterIsFoundByName) {
  const auto content = parse_content_type("a/b; X=1; y=2");
  ASSERT_TRUE(content);
  EXPECT_EQ(*content->parameter("x"), "1");
  EXPECT_EQ(content->parameter("z"), nullptr);
}

TEST(Content, IsPrintedAsShortAsItMayBe) {
  Content content;
  content.value = "text/plain";
  content.parameters = {{"a", "b"}, {"c", "d e"}, {"f", "\"\\"}, {"g", "\u00f6 *"}, {"h", ""}};
  EXPECT_EQ(print_content(content),
            "text/plain; a=b; c=\"d e\"; f=\"\\\"\\\\\"; g*=utf-8''%C3%B6%20%2A; h=\"\"");
  content.parameters = {{"x", "=?utf-8?q?x?="}, {"y", "a\nb"}};
  EXPECT_EQ(print_content(content),
            "text/plain; x*=utf-8''%3D%3Futf-8%3Fq%3Fx%3F%3D; y*=utf-8''a%0Ab");
}

TEST(Content, LongValuesAreWrittenInSectionsOfWholeCharacters) {
  Content content;
  content.value = "attachment";
  std::string name;
  for (int i = 0; i < 40; ++i) name += "\u20acx";
  content.parameters = {{"filename", name}, {"size", "1"}};
  const std::string print = print_content(content);
  EXPECT_TRUE(print.starts_with("attachment; filename*0*=utf-8''%E2%82%ACx")) << print;
  for (std::size_t at = 0; at < print.size();) {
    const std::size_t end = std::min(print.find("; ", at), print.size());
    EXPECT_LE(end - at, 76U) << print;
    at = end + 2;
  }
  EXPECT_EQ(parse_content_token(print), content);
}

TEST(Content, ALongNameDoesNotMakeASectionOfEachOctet) {
  Content content;
  content.value = "a/b";
  content.parameters = {{std::string(100, 'n'), std::string(600, '\n')}};
  EXPECT_EQ(parse_content_type(print_content(content)), content);
}

}  // namespace
}  // namespace porpoise::mail
