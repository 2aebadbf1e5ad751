#include "posix/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace porpoise::posix {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A line of words, as main() gets one.
struct Line {
  explicit Line(std::vector<std::string> of) : words(std::move(of)) {
    words.insert(words.begin(), "tool");
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
  }
  int argc() const { return static_cast<int>(words.size()); }

  std::vector<std::string> words;
  std::vector<char*> pointers;
};

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() {
    options_.flag("quiet", quiet_)
        .value("instance", instance_)
        .value("number", [](const std::string& text) -> Result<> {
          if (text != "7") return permanent("\"{}\" is not 7", text);
          return {};
        });
  }
  Result<std::optional<std::vector<std::string>>> read(std::vector<std::string> words) {
    Line line(std::move(words));
    return options_.read(line.argc(), line.pointers.data());
  }
  // "" or the error
  std::string fault(std::vector<std::string> words) {
    auto read_ = read(std::move(words));
    if (read_) return "";
    EXPECT_EQ(read_.error().fate, Fate::permanent);
    return read_.error().text;
  }

  bool quiet_ = false;
  std::optional<std::string> instance_;
  Options options_{"usage: tool [--quiet] FILE"};
};

TEST_F(OptionsTest, AnEmptyLineSetsNothing) {
  auto operands = read({});
  ASSERT_TRUE(operands && *operands);
  EXPECT_THAT(**operands, IsEmpty());
  EXPECT_FALSE(quiet_);
  EXPECT_FALSE(instance_);
}

TEST_F(OptionsTest, ValuesComeInTheSameWordOrTheNext) {
  EXPECT_THAT(**read({"--instance=a b", "--number=7"}), IsEmpty());
  EXPECT_EQ(instance_, "a b");
  EXPECT_THAT(**read({"--number", "7", "--instance", "--quiet", "x"}), ElementsAre("x"));
  EXPECT_EQ(instance_, "--quiet");
  EXPECT_FALSE(quiet_);
}

TEST_F(OptionsTest, TheLastOfSeveralCounts) {
  EXPECT_TRUE(read({"--instance", "a", "--instance", ""}));
  EXPECT_EQ(instance_, "");
}

TEST_F(OptionsTest, TheFirstOperandEndsThem) {
  EXPECT_THAT(**read({"--quiet", "a", "--instance", "--help"}),
              ElementsAre("a", "--instance", "--help"));
  EXPECT_TRUE(quiet_);
  EXPECT_FALSE(instance_);
  EXPECT_THAT(**read({"--", "--quiet"}), ElementsAre("--quiet"));
  EXPECT_THAT(**read({"-", "x"}), ElementsAre("-", "x"));
}

TEST_F(OptionsTest, AClearBeginningWillDo) {
  EXPECT_TRUE(read({"--inst=x", "--q"}));
  EXPECT_EQ(instance_, "x");
  EXPECT_TRUE(quiet_);
}

TEST_F(OptionsTest, AWrongLineIsToldTheUsage) {
  for (const std::vector<std::string>& line :
       std::vector<std::vector<std::string>>{{"--unknown"},
                                             {"-q"},
                                             {"-x"},
                                             {"--instance"},
                                             {"--quiet=1"},
                                             {"--help=1"},
                                             {"--number", "7", "--no-such"},
                                             {"-?"}}) {
    EXPECT_EQ(fault(line), "usage: tool [--quiet] FILE") << line[0];
  }
}

TEST_F(OptionsTest, ARefusedValueIsItsError) {
  EXPECT_EQ(fault({"--number", "8"}), "\"8\" is not 7");
  EXPECT_EQ(fault({"--number="}), "\"\" is not 7");
}

TEST_F(OptionsTest, AValueThatMayBeMissingIsNeverTheNextWord) {
  std::vector<std::string> given;
  options_.maybe_value("retry", [&](const std::string& text) -> Result<> {
    given.push_back(text);
    return {};
  });
  auto operands = read({"--retry", "--retry=one", "two"});
  ASSERT_TRUE(operands && *operands);
  EXPECT_THAT(given, ElementsAre("", "one"));
  EXPECT_THAT(**operands, ElementsAre("two"));
}

TEST_F(OptionsTest, LettersMayShareAWordAndStandBesideLongOptions) {
  std::string letters;
  options_.letters("nN", [&](char letter) { letters += letter; });
  auto operands = read({"-nN", "--quiet", "-n", "--", "-N"});
  ASSERT_TRUE(operands && *operands);
  EXPECT_EQ(letters, "nNn");
  EXPECT_TRUE(quiet_);
  EXPECT_THAT(**operands, ElementsAre("-N"));
  EXPECT_EQ(fault({"-nx"}), "usage: tool [--quiet] FILE");
}

TEST_F(OptionsTest, HelpIsShownAndNothingElseIsDone) {
  testing::internal::CaptureStdout();
  auto operands = read({"--help", "--unknown"});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "usage: tool [--quiet] FILE\n");
  ASSERT_TRUE(operands);
  EXPECT_FALSE(*operands);
}

}  // namespace
}  // namespace porpoise::posix
