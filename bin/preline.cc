// preline(1): runs a program with the lines that an mbox puts before a message.

#include <stdlib.h>

#include "posix/fed_program.h"
#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: preline [-fFrRdD] command [argument ...] (with UFLINE, RPLINE and DTLINE set)";

// Which lines are wanted; everything is on at first.
struct Lines {
  bool from = true;
  bool return_path = true;
  bool delivered_to = true;

  void set(char letter) {
    if (letter == 'f' || letter == 'F') from = letter == 'F';
    if (letter == 'r' || letter == 'R') return_path = letter == 'R';
    if (letter == 'd' || letter == 'D') delivered_to = letter == 'D';
  }
};

Result<std::string> text_before(const Lines& lines) {
  std::string text;
  for (const auto& [name, wanted] : {std::pair("UFLINE", lines.from),
                                     {"RPLINE", lines.return_path},
                                     {"DTLINE", lines.delivered_to}}) {
    const char* line = ::getenv(name);
    if (line == nullptr) return permanent("{} is not set; {}", name, kUsage);
    if (wanted) text += line;
  }
  return text;
}

Result<int> run(int argc, char** argv) {
  Lines lines;
  posix::Options options(kUsage);
  options.letters("fFrRdD", [&](char letter) { lines.set(letter); });
  auto command = options.read(argc, argv);
  if (!command) return failed(command);
  if (!*command) return 0;
  if ((*command)->empty()) return options.wrong();
  Result<std::string> before = text_before(lines);
  if (!before) return failed(before);
  return posix::run_fed(**command, *before);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("preline", [&] { return run(argc, argv); });
}
