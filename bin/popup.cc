// popup(8): greets a POP3 client, takes name and password, starts the password check.

#include "pop3d/popup.h"

#include "posix/options.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: popup [--apop] [--idle SECONDS] [--beside] HOSTNAME [SUBPROGRAM [ARGUMENT...]]";

Result<int> run(int argc, char** argv) {
  pop3d::Popup popup;
  bool beside = false;
  posix::Options options(kUsage);
  options.flag("apop", popup.apop)
      .flag("beside", beside)
      .value("idle", [&](const std::string& text) -> Result<> {
        if (!pop3d::parse_idle(text, popup.limits)) return options.wrong();
        return {};
      });
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  if (!*operands) return 0;
  const std::vector<std::string>& given = **operands;
  if (beside ? given.size() != 1 : given.size() < 2) return options.wrong();
  popup.hostname = given[0];
  popup.subprogram.assign(given.begin() + 1, given.end());
  if (!pop3d::is_host_name(popup.hostname)) {
    return permanent("HOSTNAME \"{}\": want 1 to 253 letters, digits, dots and hyphens",
                     popup.hostname);
  }
  if (beside) {
    if (Result<> done = pop3d::confine_popup(); !done) return failed(done);
  }
  return pop3d::run_popup(popup);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("popup", [&] { return run(argc, argv); });
}
