// preline(1): runs a program with the lines that an mbox puts before a message.

#include <getopt.h>
#include <stdlib.h>

#include "posix/fed_program.h"
#include "posix/file.h"
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

  bool set(int letter) {
    switch (letter) {
      case 'f':
      case 'F':
        from = letter == 'F';
        return true;
      case 'r':
      case 'R':
        return_path = letter == 'R';
        return true;
      case 'd':
      case 'D':
        delivered_to = letter == 'D';
        return true;
      default:
        return false;
    }
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
  const option options[] = {{"help", no_argument, nullptr, 'h'}, {nullptr, 0, nullptr, 0}};
  Lines lines;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+fFrRdD", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (!lines.set(c)) return permanent("{}", kUsage);
  }
  if (optind == argc) return permanent("{}", kUsage);
  Result<std::string> before = text_before(lines);
  if (!before) return failed(before);
  return posix::run_fed({argv + optind, argv + argc}, *before);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("preline", [&] { return run(argc, argv); });
}
