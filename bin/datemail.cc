// datemail(1): sendmail, with a Date in local time where the message has none.

#include <cerrno>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "posix/error.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"

using namespace porpoise;

namespace {

constexpr const char* kUsage = "usage: datemail [option of sendmail ...] [recipient ...]";

// Becomes `predate sendmail ...`, which answers in its own words.
Result<int> run(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--help") {
    Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
    if (!shown) return failed(shown);
    return 0;
  }
  std::string predate = posix::program_folder() + "/predate";
  std::string sendmail = posix::program_folder() + "/sendmail";
  std::string name = "predate";
  std::vector<char*> words = {name.data(), sendmail.data()};
  words.insert(words.end(), argv + 1, argv + argc);
  words.push_back(nullptr);
  ::execv(predate.c_str(), words.data());
  return temporary("{}", posix::system_error(errno, "starting " + predate).value().text);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("datemail", [&] { return run(argc, argv); });
}
