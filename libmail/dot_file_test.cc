#include "libmail/dot_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace porpoise::mail {
namespace {

using namespace std::string_literals;
using Kind = DotLine::Kind;

std::string word(Kind kind) {
  switch (kind) {
    case Kind::nothing:
      return "nothing";
    case Kind::comment:
      return "comment";
    case Kind::program:
      return "program";
    case Kind::forward:
      return "forward";
    case Kind::maildir:
      return "maildir";
    case Kind::mbox:
      return "mbox";
    case Kind::forward_only:
      return "forward_only";
    case Kind::unknown:
      return "unknown";
  }
  return "";
}

// "1 program(true); 2 forward(bob)"
std::string parsed(std::string_view text) {
  std::string shown;
  for (const DotLine& line : parse_dot_file(text)) {
    if (!shown.empty()) shown += "; ";
    shown += fmt::format("{} {}({})", line.number, word(line.kind), line.text);
  }
  return shown;
}

std::string names(std::string_view dash, std::string_view ext) {
  std::string shown;
  for (const DotName& name : dot_file_names(dash, ext)) {
    shown += name.name;
    if (name.default_from) shown += fmt::format("={}", ext.substr(*name.default_from));
    shown += " ";
  }
  return shown;
}

TEST(DotFile, TheFirstOctetTellsTheKind) {
  EXPECT_EQ(parsed("# x\n|true\n&bob\nbob@x\n./M/\n/m/\n./Mailbox\n/m\n+list\n+other\n"),
            "1 comment( x); 2 program(true); 3 forward(bob); 4 forward(bob@x); 5 maildir(./M/); "
            "6 maildir(/m/); 7 mbox(./Mailbox); 8 mbox(/m); 9 forward_only(list); "
            "10 unknown(other)");
}

TEST(DotFile, AnEmptyTextHasNoLines) {
  EXPECT_EQ(parsed(""), "");
}

TEST(DotFile, TheLastLineNeedsNoLineFeed) {
  EXPECT_EQ(parsed("a\nb"), "1 forward(a); 2 forward(b)");
}

TEST(DotFile, BlanksAtTheEndDoNotCount) {
  EXPECT_EQ(parsed("./Maildir/ \t \n|cat \n \t\n"),
            "1 maildir(./Maildir/); 2 program(cat); "
            "3 nothing()");
}

TEST(DotFile, BlanksAtTheBeginningDo) {
  EXPECT_EQ(parsed(" ./Mailbox\n\t#x\n| x\n& bob\n"),
            "1 forward( ./Mailbox); 2 forward(\t#x); 3 program( x); 4 forward( bob)");
}

TEST(DotFile, NulEndsALine) {
  EXPECT_EQ(parsed("bob\0junk\n|true\0;false\n\0&x\n"s),
            "1 forward(bob); 2 program(true); 3 nothing()");
}

TEST(DotFile, CrIsText) {
  EXPECT_EQ(parsed("./Maildir/\r\n\r\n"), "1 mbox(./Maildir/\r); 2 forward(\r)");
}

TEST(DotFile, ForwardsAreTakenAsTheyAre) {
  EXPECT_EQ(parsed("&<bob@x>\nBob <bob@x>\n&\n-x\n"),
            "1 forward(<bob@x>); 2 forward(Bob <bob@x>); 3 forward(); 4 forward(-x)");
}

TEST(DotFile, OnlyTheWholeWordListMeansForwardOnly) {
  EXPECT_EQ(parsed("+list\n+list \n+lists\n+List\n+ list\n+\n"),
            "1 forward_only(list); 2 forward_only(list); 3 unknown(lists); 4 unknown(List); "
            "5 unknown( list); 6 unknown()");
}

TEST(DotFile, FilesAndProgramsAreWhatForwardOnlyForbids) {
  EXPECT_TRUE(is_file_or_program(Kind::mbox));
  EXPECT_TRUE(is_file_or_program(Kind::maildir));
  EXPECT_TRUE(is_file_or_program(Kind::program));
  EXPECT_FALSE(is_file_or_program(Kind::forward));
  EXPECT_FALSE(is_file_or_program(Kind::comment));
}

TEST(DotFileNames, FromTheLongestToDefaultAlone) {
  EXPECT_EQ(names("-", "a-b-c"),
            ".qmail-a-b-c .qmail-a-b-default=c .qmail-a-default=b-c .qmail-default=a-b-c ");
}

TEST(DotFileNames, AnExtensionThatEndsInADash) {
  EXPECT_EQ(names("-", "a-b-"),
            ".qmail-a-b- .qmail-a-b-default= .qmail-a-default=b- .qmail-default=a-b- ");
}

TEST(DotFileNames, WithoutDashTheFileIsPlain) {
  EXPECT_EQ(names("", ""), ".qmail .qmaildefault= ");
}

TEST(DotFileNames, AnEmptyExtensionAfterADash) {
  EXPECT_EQ(names("-", ""), ".qmail- .qmail-default= ");
}

TEST(DotFileNames, NamesAreLowerCaseWithColonsWhereDefaultKeepsItsCase) {
  EXPECT_EQ(names("-", "List-Foo.Bar"),
            ".qmail-list-foo:bar .qmail-list-default=Foo.Bar .qmail-default=List-Foo.Bar ");
}

TEST(DotFileNames, AnExactNameThatEndsInDefaultSetsIt) {
  EXPECT_EQ(names("-", "a-default"),
            ".qmail-a-default=default .qmail-a-default=default .qmail-default=a-default ");
}

TEST(DotFileNames, NoExtensionLeavesTheHome) {
  EXPECT_EQ(safe_extension("../../etc/X"), "::/::/etc/x");
}

}  // namespace
}  // namespace porpoise::mail
