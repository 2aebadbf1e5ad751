#include "cli/cli.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace porpoise::cli {
namespace {

// What a program of two options, an operand and two commands makes of its arguments.
struct Line {
  bool flag = false;
  std::string text = "default";
  std::optional<std::string> maybe{};
  std::int64_t number = 7;
  std::vector<std::string> names{};
  std::string chosen{};
  bool all = false;
  int code = -1;
  std::string out{};
  std::string err{};
};

// Gives standard output and error as text.
class Caught {
 public:
  explicit Caught(int fd) : fd_(fd), before_(::dup(fd)) {
    ::fflush(nullptr);
    if (::pipe(ends_) != 0) ADD_FAILURE();
    ::dup2(ends_[1], fd);
    ::close(ends_[1]);
  }
  std::string text() {
    ::dup2(before_, fd_);
    ::close(before_);
    std::string text(65536, '\0');
    text.resize(static_cast<std::size_t>(::read(ends_[0], text.data(), text.size())));
    ::close(ends_[0]);
    return text;
  }

 private:
  int fd_;
  int before_;
  int ends_[2];
};

Line parse(std::vector<std::string> arguments, bool commands = false) {
  Line line;
  Parser parser("tool", "Does a thing.");
  parser.flag("-f,--flag", line.flag, "a flag").option("--text", line.text, "some text");
  parser.option("--maybe", line.maybe, "perhaps").option("-n,--number", line.number, "a number");
  if (commands) {
    Parser& run = parser.command("run", "runs it", [&] { line.chosen = "run"; });
    run.flag("--all", line.all, "all of it");
    parser.command("stop", "stops it", [&] { line.chosen = "stop"; })
        .operands("names", line.names, "what to stop", true);
  } else {
    parser.operands("names", line.names, "names");
  }
  parser.footer("See tool(1).");
  arguments.insert(arguments.begin(), "/some/where/tool");
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  Caught out(1);
  Caught err(2);
  const Parser::Outcome outcome = parser.parse(static_cast<int>(arguments.size()), argv.data());
  line.err = err.text();
  line.out = out.text();
  line.code = outcome.done ? outcome.code : -1;
  return line;
}

TEST(Parser, WhatIsNotGivenKeepsItsValue) {
  const Line line = parse({});
  EXPECT_EQ(line.code, -1) << line.err;
  EXPECT_EQ(line.text, "default");
  EXPECT_EQ(line.number, 7);
  EXPECT_FALSE(line.flag || line.maybe);
}

TEST(Parser, WhatIsGivenIsBound) {
  const Line line = parse({"-f", "--text=a b", "--maybe", "", "-n", "-3", "x", "y"});
  EXPECT_EQ(line.code, -1) << line.err;
  EXPECT_TRUE(line.flag);
  EXPECT_EQ(line.text, "a b");
  EXPECT_EQ(line.maybe, "");
  EXPECT_EQ(line.number, -3);
  EXPECT_EQ(line.names, (std::vector<std::string>{"x", "y"}));
}

TEST(Parser, AWrongLineIsOneLineAnd100) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--unknown"},
                                                    {"-n", "ten"},
                                                    {"--text"},
                                                    {"-n", "99999999999999999999"},
                                                    {"--bad\nline\x1b"}}) {
    const Line line = parse(arguments);
    EXPECT_EQ(line.code, 100) << arguments[0];
    EXPECT_EQ(line.out, "");
    EXPECT_EQ(line.err.substr(0, 6), "tool: ");
    EXPECT_EQ(line.err.find('\n'), line.err.size() - 1) << line.err;
    EXPECT_EQ(line.err.find('\x1b'), std::string::npos);
  }
}

TEST(Parser, HelpIsOnStandardOutput) {
  const Line line = parse({"--help"});
  EXPECT_EQ(line.code, 0);
  EXPECT_EQ(line.err, "");
  EXPECT_NE(line.out.find("Does a thing."), std::string::npos);
  EXPECT_NE(line.out.find("--number"), std::string::npos);
  EXPECT_NE(line.out.find("See tool(1)."), std::string::npos);
}

TEST(Parser, ExactlyOneCommand) {
  EXPECT_EQ(parse({}, true).code, 100);
  EXPECT_EQ(parse({"dance"}, true).code, 100);
  EXPECT_EQ(parse({"stop"}, true).code, 100) << "without its operand";
  EXPECT_EQ(parse({"run", "--flag2"}, true).code, 100);
  const Line run = parse({"run", "--all"}, true);
  EXPECT_EQ(run.code, -1) << run.err;
  EXPECT_EQ(run.chosen, "run");
  EXPECT_TRUE(run.all);
  const Line stop = parse({"-f", "stop", "a", "b"}, true);
  EXPECT_EQ(stop.chosen, "stop");
  EXPECT_TRUE(stop.flag);
  EXPECT_EQ(stop.names.size(), 2u);
}

TEST(Parser, ACommandHasItsOwnHelp) {
  const Line line = parse({"run", "--help"}, true);
  EXPECT_EQ(line.code, 0);
  EXPECT_NE(line.out.find("tool run"), std::string::npos) << line.out;
  EXPECT_NE(line.out.find("--all"), std::string::npos);
  EXPECT_EQ(line.chosen, "") << "nothing is run";
}

}  // namespace
}  // namespace porpoise::cli
