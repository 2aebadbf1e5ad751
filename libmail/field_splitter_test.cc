#include "libmail/field_splitter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;

// "[name|body]" for each field, then what ends the header, its size and the body; LF as /, CR as ^.
std::string split(std::string_view message, std::size_t name_octets = 998) {
  FieldSplitter splitter(message, name_octets);
  std::string text;
  std::size_t size = 0;
  for (FieldSlice field; splitter.next(field);) {
    text += fmt::format("[{}|{}]", field.name, field.body);
    size += field.text.size();
  }
  EXPECT_EQ(splitter.header_size(), size);
  FieldSlice none;
  EXPECT_FALSE(splitter.next(none));
  text += splitter.end() == Header::End::input        ? "end"
          : splitter.end() == Header::End::empty_line ? "empty"
                                                      : "body";
  text += fmt::format(":{}", splitter.body());
  for (char& c : text) {
    if (c == '\n') c = '/';
    if (c == '\r') c = '^';
  }
  return text;
}

// R822-3.1-header-body-split R822-3.1-no-body R822-3.2-field-grammar
TEST(FieldSplitter, FieldsEndAtTheFirstEmptyLine) {
  EXPECT_EQ(split("A: b\n\nC: d\n"), "[A| b/]empty:C: d/");
  EXPECT_EQ(split("A: b\r\nC:d\r\n\r\nx"), "[A| b^/][C|d^/]empty:x");
  EXPECT_EQ(split("X:\n"), "[X|/]end:");
  EXPECT_EQ(split("From: a@x.test\n"), "[From| a@x.test/]end:");
  EXPECT_EQ(split("\nbody"), "empty:body");
  EXPECT_EQ(split("\r\nbody"), "empty:body");
  EXPECT_EQ(split(""), "end:");
}

TEST(FieldSplitter, ABlankContinuesTheFieldAbove) {
  EXPECT_EQ(split("A: b\n c\n\td\n \n\nx"), "[A| b/ c/\td/ /]empty:x");
  EXPECT_EQ(split("A: b\n c"), "[A| b/ c]end:");
  EXPECT_EQ(split(" A: b\n"), "body: A: b/");
}

TEST(FieldSplitter, NamesMayHaveBlanksBeforeTheColon) {
  EXPECT_EQ(split("Subject : x\n"), "[Subject| x/]end:");
  EXPECT_EQ(split("Subject\t :x\n"), "[Subject|x/]end:");
}

// R822-3.1.2-field-name-chars R822-3.1.2-field-colon R5322-2.2-name-33-126
TEST(FieldSplitter, ALineThatIsNoFieldBeginsTheBody) {
  EXPECT_EQ(split("X-Odd!#$: v\nBad Name: v\n"), "[X-Odd!#$| v/]body:Bad Name: v/");
  EXPECT_EQ(split("A: b\nNa\xefve: x\n"), "[A| b/]body:Na\xefve: x/");
  EXPECT_EQ(split("A: b\n: x\n"), "[A| b/]body:: x/");
  EXPECT_EQ(split("A: b\nword\n"), "[A| b/]body:word/");
  EXPECT_EQ(split("A: b\nword"), "[A| b/]body:word");
  EXPECT_EQ(split("A: b\nword "), "[A| b/]body:word ");
  EXPECT_EQ(split("A: b\n\rx\n"), "[A| b/]body:^x/");
  EXPECT_EQ(split("A: b\n\r"), "[A| b/]body:^");
  EXPECT_EQ(split("A\0: b\n"s), "body:A\0: b/"s);
}

TEST(FieldSplitter, AnMboxLineIsAFieldOfItsOwn) {
  EXPECT_EQ(split("From joe Fri\nA: b\n"), "[MBOX-Line|From joe Fri/][A| b/]end:");
  EXPECT_EQ(split("From  \nA: b\n"), "[MBOX-Line|From  /][A| b/]end:");
  EXPECT_EQ(split("From \n"), "[MBOX-Line|From /]end:");
  EXPECT_EQ(split("From "), "[MBOX-Line|From ]end:");
  EXPECT_EQ(split("From : joe\n"), "[From| joe/]end:");
  EXPECT_EQ(split("From"), "body:From");
  EXPECT_EQ(split("from joe\n"), "body:from joe/");
  EXPECT_EQ(split("From\tjoe\n"), "body:From^joe/"s.replace(9, 1, "\t"));
}

TEST(FieldSplitter, ANameThatIsTooLongIsNone) {
  EXPECT_EQ(split("abcd: x\n", 4), "[abcd| x/]end:");
  EXPECT_EQ(split("abcde: x\n", 4), "body:abcde: x/");
  EXPECT_EQ(split("abc : x\n", 4), "[abc| x/]end:");
  EXPECT_EQ(split("abc  : x\n", 4), "body:abc  : x/");
}

// R5322-4.1-obs-nul-cr-lf
TEST(FieldSplitter, NulAndLoneCrAreOctetsLikeOthers) {
  EXPECT_EQ(split("A: b\0c\rd\n\nx\0y"s), "[A| b\0c^d/]empty:x\0y"s);
}

TEST(FieldSplitter, NamesAreKnown) {
  FieldSlice field;
  FieldSplitter splitter("sUBJECT : x\nX: y\n");
  ASSERT_TRUE(splitter.next(field));
  EXPECT_EQ(field.known(), FieldName::subject);
  ASSERT_TRUE(splitter.next(field));
  EXPECT_EQ(field.known(), FieldName::other);
}

}  // namespace
}  // namespace porpoise::mail
