#include "libmail/corpus_cases_test.h"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <iterator>

namespace porpoise::corpus {
namespace {

using Fault = tl::unexpected<std::string>;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One escape of a quoted text; `rest` begins after the backslash.
tl::expected<char, std::string> take_escape(std::string_view& rest) {
  constexpr std::string_view kNames = "rnt0\\\"";
  constexpr std::string_view kOctets("\r\n\t\0\\\"", 6);
  if (rest.empty()) return Fault("a backslash at the end");
  const std::size_t name = kNames.find(rest[0]);
  if (name != std::string_view::npos) {
    rest.remove_prefix(1);
    return kOctets[name];
  }
  if (rest.size() < 3 || rest[0] != 'x' || hex_digit(rest[1]) < 0 || hex_digit(rest[2]) < 0) {
    return Fault(fmt::format("unknown escape \"\\{}\"", rest[0]));
  }
  const int octet = hex_digit(rest[1]) * 16 + hex_digit(rest[2]);
  rest.remove_prefix(3);
  return static_cast<char>(octet);
}

tl::expected<std::string, std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || !text.starts_with('"') || !text.ends_with('"')) {
    return Fault("an input is a text in double quotes");
  }
  text = text.substr(1, text.size() - 2);
  std::string value;
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if (c == '"') return Fault("a quote inside a text");
    if (c == '\\') {
      const auto octet = take_escape(text);
      if (!octet) return Fault(octet.error());
      c = *octet;
    }
    value += c;
  }
  return value;
}

/// Reads one file, line by line.
class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  tl::expected<std::vector<Case>, std::string> read(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      take(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!fault_.empty()) return Fault(fault_);
    }
    finish();
    if (!fault_.empty()) return Fault(fault_);
    return std::move(cases_);
  }

 private:
  void fail(std::string_view why) {
    if (fault_.empty()) fault_ = fmt::format("{}:{}: {}", file_, line_, why);
  }

  void take(std::string_view line) {
    if (line.empty()) return finish();
    if (line.starts_with('#')) return;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return fail("no \"key: value\"");
    std::string_view value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    set(std::string(line.substr(0, colon)), std::string(value));
  }

  void set(const std::string& key, const std::string& value) {
    if (keys_.empty()) case_.place = fmt::format("{}:{}", file_, line_);
    const bool again = !keys_.insert(key).second;
    if (again && key != "input" && key != "expect" && key != "requires") {
      return fail(fmt::format("a second \"{}\"", key));
    }
    if (key == "case") {
      case_.title = value;
    } else if (key == "requires") {
      add_requirements(value);
    } else if (key == "parse") {
      case_.kind = value;
    } else if (key == "input") {
      const auto text = unquoted(value);
      if (!text) return fail(text.error());
      case_.input += *text;
    } else if (key == "expect") {
      if (again) *case_.verdict += '\n';
      *case_.verdict += value;
    } else if (key == "error") {
      error_ = value;
    } else {
      fail(fmt::format("unknown key \"{}\"", key));
    }
  }

  void add_requirements(std::string_view ids) {
    while (!ids.empty()) {
      const std::size_t end = std::min(ids.find(' '), ids.size());
      if (end > 0) case_.requirements.emplace_back(ids.substr(0, end));
      ids.remove_prefix(std::min(end + 1, ids.size()));
    }
  }

  void finish() {
    if (keys_.empty()) return;
    for (const char* key : {"case", "parse", "input"}) {
      if (!keys_.contains(key)) return fail(fmt::format("the case above has no \"{}\"", key));
    }
    if (keys_.contains("expect") == keys_.contains("error")) {
      return fail("the case above needs either \"expect\" or \"error\"");
    }
    if (keys_.contains("error")) case_.verdict = Fault(error_);
    cases_.push_back(std::move(case_));
    case_ = {};
    error_.clear();
    keys_.clear();
  }

  std::string_view file_;
  int line_ = 0;
  std::string fault_;
  Case case_;
  std::string error_;
  std::set<std::string> keys_;
  std::vector<Case> cases_;
};

Corpus read_corpus() {
  Corpus all;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus_folder())) {
    if (entry.path().extension() == ".case") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    const std::string name = file.lexically_relative(corpus_folder().parent_path()).string();
    auto cases = read_cases(name, file_text(file));
    if (cases) {
      std::ranges::move(*cases, std::back_inserter(all.cases));
    } else {
      all.faults.push_back(cases.error());
    }
  }
  return all;
}

}  // namespace

tl::expected<std::vector<Case>, std::string> read_cases(std::string_view file,
                                                        std::string_view text) {
  return Reader(file).read(text);
}

const Corpus& corpus() {
  static const Corpus all = read_corpus();
  return all;
}

std::filesystem::path corpus_folder() {
  return std::filesystem::path(PORPOISE_SOURCE_DIR) / "rfc-corpus";
}

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\' || c == '"') {
      out += {'\\', c};
    } else if (c < 32 || c > 126) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::set<std::string>& run_kinds() {
  static std::set<std::string> kinds;
  return kinds;
}

void run_cases(std::string_view kind, Verdict (*run)(std::string_view input)) {
  int cases = 0;
  for (const Case& c : corpus().cases) {
    if (c.kind != kind) continue;
    ++cases;
    SCOPED_TRACE(fmt::format("{}: {}\n  \"{}\"", c.place, c.title, escaped(c.input)));
    const Verdict verdict = run(c.input);
    const auto shown = [](const Verdict& v) { return v ? *v : "error: " + v.error(); };
    EXPECT_EQ(shown(verdict), shown(c.verdict));
  }
  EXPECT_GT(cases, 0) << "no case of this kind";
}

namespace {

std::string fault_of(std::string_view text) {
  const auto cases = read_cases("f.case", text);
  return cases ? "read" : cases.error();
}

TEST(CorpusCases, ABlockIsACase) {
  const auto cases = read_cases(
      "f.case",
      "# a comment\n\ncase: two: words\n# inside\nrequires: R1 R2\nrequires: R3\n"
      "parse: address-list strict\ninput: \"a\\r\\n\"\ninput: \" \\x00\\0\\t\\\\\\\"\\xfF\"\n"
      "expect: one\nexpect:\nexpect:  two\n\n\ncase: b\nparse: k\ninput: \"\"\nerror: 3 no x");
  ASSERT_TRUE(cases) << cases.error();
  ASSERT_EQ(cases->size(), 2u);
  const Case& first = cases->front();
  EXPECT_EQ(first.place, "f.case:3");
  EXPECT_EQ(first.title, "two: words");
  EXPECT_EQ(first.requirements, (std::vector<std::string>{"R1", "R2", "R3"}));
  EXPECT_EQ(first.kind, "address-list strict");
  EXPECT_EQ(first.input, std::string("a\r\n \0\0\t\\\"\xff", 10));
  EXPECT_EQ(*first.verdict, "one\n\n two");
  EXPECT_EQ(cases->back().place, "f.case:15");
  EXPECT_EQ(cases->back().input, "");
  EXPECT_EQ(cases->back().verdict.error(), "3 no x");
}

TEST(CorpusCases, WhatIsWrongIsNamedWithFileAndLine) {
  const std::string good = "case: a\nparse: k\ninput: \"\"\nexpect: x\n";
  EXPECT_EQ(fault_of(good), "read");
  EXPECT_EQ(fault_of(good + "\nhallo\n"), "f.case:6: no \"key: value\"");
  EXPECT_EQ(fault_of("expected: x\n"), "f.case:1: unknown key \"expected\"");
  EXPECT_EQ(fault_of("case: a\ncase: b\n"), "f.case:2: a second \"case\"");
  EXPECT_EQ(fault_of("case: a\n\n"), "f.case:2: the case above has no \"parse\"");
  EXPECT_EQ(fault_of("case: a\nparse: k\nexpect: x"), "f.case:3: the case above has no \"input\"");
  EXPECT_EQ(fault_of("parse: k\ninput: \"\"\nexpect: x"),
            "f.case:3: the case above has no \"case\"");
  EXPECT_EQ(fault_of("case: a\nparse: k\ninput: \"\"\n"),
            "f.case:3: the case above needs either \"expect\" or \"error\"");
  EXPECT_EQ(fault_of(good + "error: 0 y\n"),
            "f.case:5: the case above needs either \"expect\" or \"error\"");
}

TEST(CorpusCases, AnInputIsQuotedText) {
  EXPECT_EQ(fault_of("input: a\n"), "f.case:1: an input is a text in double quotes");
  EXPECT_EQ(fault_of("input: \"\n"), "f.case:1: an input is a text in double quotes");
  EXPECT_EQ(fault_of("input: \"a\"b\"\n"), "f.case:1: a quote inside a text");
  EXPECT_EQ(fault_of("input: \"a\\q\"\n"), "f.case:1: unknown escape \"\\q\"");
  EXPECT_EQ(fault_of("input: \"a\\x4\"\n"), "f.case:1: unknown escape \"\\x\"");
  EXPECT_EQ(fault_of("input: \"a\\\"\n"), "f.case:1: a backslash at the end");
}

TEST(CorpusCases, EscapedTextIsOneLineOfAscii) {
  EXPECT_EQ(escaped(std::string("a\r\n\t\0\\\"\xff\x7f ", 10)),
            "a\\r\\n\\t\\x00\\\\\\\"\\xff\\x7f ");
}

TEST(CorpusCases, EveryCaseIsReadable) {
  EXPECT_THAT(corpus().faults, testing::IsEmpty());
}

TEST(CorpusCases, EveryKindIsRun) {
  for (const Case& c : corpus().cases) {
    EXPECT_TRUE(run_kinds().contains(c.kind)) << c.place << ": nobody runs \"" << c.kind << "\"";
  }
}

TEST(CorpusCases, RequirementsAreThoseOfTheTable) {
  std::set<std::string> ids;
  const std::string table = file_text(corpus_folder() / "requirements.tsv");
  for (std::size_t line = 0; line < table.size();) {
    ids.insert(table.substr(line, table.find('\t', line) - line));
    line = std::min(table.find('\n', line), table.size() - 1) + 1;
  }
  for (const Case& c : corpus().cases) {
    for (const std::string& id : c.requirements) {
      EXPECT_TRUE(ids.contains(id)) << c.place << ": no requirement " << id;
    }
  }
}

}  // namespace
}  // namespace porpoise::corpus
