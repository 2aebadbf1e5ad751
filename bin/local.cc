// local(8): one message to one local address, as its dot-file says.

#include <climits>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libmail/quantity.h"
#include "local/carry_out.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/process.h"
#include "posix/program.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: local [-nN] [--explain] [--instance DIR] [--lock-seconds N] [--program-seconds N] "
    "user home local dash ext domain sender defaultdelivery";
constexpr std::chrono::seconds kMaxTime{30 * 86400};

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

// A path that still means the same when we are in the home folder.
std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* here = ::get_current_dir_name();
  std::string full = fmt::format("{}/{}", here != nullptr ? here : ".", path);
  ::free(here);
  return full;
}

// The descriptor that PORPOISE_PROGRESS_FD names, kept from programs; -1 where there is none.
int note_descriptor() {
  const std::string text = environment("PORPOISE_PROGRESS_FD");
  const auto fd = mail::parse_digits(text, INT_MAX);
  if (!fd || *fd <= 2) return -1;
  const int number = static_cast<int>(*fd);
  return ::fcntl(number, F_SETFD, FD_CLOEXEC) == 0 ? number : -1;
}

struct Line {
  local::Delivery delivery;
  local::Settings settings;
  bool help = false;
};

Result<Line> parse_line(int argc, char** argv) {
  const option options[] = {{"help", no_argument, nullptr, 'h'},
                            {"explain", no_argument, nullptr, 'e'},
                            {"instance", required_argument, nullptr, 'i'},
                            {"lock-seconds", required_argument, nullptr, 'l'},
                            {"program-seconds", required_argument, nullptr, 'p'},
                            {nullptr, 0, nullptr, 0}};
  Line line;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+nN", options, nullptr)) != -1;) {
    if (c == 'h') {
      line.help = true;
      return line;
    }
    if (c == 'n' || c == 'N') {
      line.settings.only_show = c == 'n';
    } else if (c == 'e') {
      line.settings.only_show = line.settings.explain = true;
    } else if (c == 'i') {
      line.settings.instance = absolute(optarg);
    } else if (c == 'l' || c == 'p') {
      Result<std::chrono::seconds> seconds = mail::parse_time(optarg, kMaxTime);
      if (!seconds) return failed(seconds);
      if (c == 'l') line.settings.lock_patience = *seconds;
      if (c == 'p') line.settings.program_limit = *seconds;
    } else {
      return permanent("{}", kUsage);
    }
  }
  char** const at = argv + optind;
  if (argc - optind != 8) return permanent("{}", kUsage);
  line.delivery = {at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]};
  if (!line.delivery.home.starts_with('/')) {
    return permanent("home \"{}\" does not begin with a slash", line.delivery.home);
  }
  return line;
}

Result<int> run(const local::Delivery& delivery, local::Settings settings) {
  if (::geteuid() == 0 && !settings.only_show) {
    return temporary("nothing is delivered as root (#4.7.0)");
  }
  if (!settings.instance && !environment("PORPOISE").empty()) {
    settings.instance = absolute(environment("PORPOISE"));
  }
  settings.earlier = environment("PORPOISE_PROGRESS");
  settings.note_fd = note_descriptor();
  settings.wall_us = posix::wall_us();
  settings.program_folder = posix::program_folder();
  settings.maildir_world = maildir::real_world();
  Result<int> code = local::carry_out(delivery, settings);
  if (code) return code;
  // The report is read by people in notices: no program's name before it.
  (void)posix::write_all(2, posix::printable(code.error().text) + "\n", "the report");
  return code.error().exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  (void)::umask(077);
  return posix::run_program("local", [&]() -> Result<int> {
    Result<Line> line = parse_line(argc, argv);
    if (!line) return failed(line);
    if (!line->help) return run(line->delivery, std::move(line->settings));
    Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
    if (!shown) return failed(shown);
    return 0;
  });
}
