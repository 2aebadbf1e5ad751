// popup(8): greets a POP3 client, takes name and password, starts the password check.

#include "pop3d/popup.h"

#include <getopt.h>

#include "posix/file.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: popup [--apop] [--idle SECONDS] [--beside] HOSTNAME [SUBPROGRAM [ARGUMENT...]]";

Result<int> run(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"apop", no_argument, nullptr, 'a'},
                            {"beside", no_argument, nullptr, 'b'},
                            {"idle", required_argument, nullptr, 'i'},
                            {nullptr, 0, nullptr, 0}};
  pop3d::Popup popup;
  bool beside = false;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", options, nullptr)) != -1;) {
    if (c == 'h') {
      Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
      if (!shown) return failed(shown);
      return 0;
    }
    if (c == 'a') {
      popup.apop = true;
    } else if (c == 'b') {
      beside = true;
    } else if (c != 'i' || !pop3d::parse_idle(optarg, popup.limits)) {
      return permanent("{}", kUsage);
    }
  }
  if (beside ? argc - optind != 1 : argc - optind < 2) return permanent("{}", kUsage);
  popup.hostname = argv[optind];
  popup.subprogram.assign(argv + optind + 1, argv + argc);
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
