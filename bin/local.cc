// local(8): one message to one local address, as its dot-file says.

#include <climits>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libmail/quantity.h"
#include "local/carry_out.h"
#include "posix/clock.h"
#include "posix/file.h"
#include "posix/options.h"
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

template <class Time>
posix::Options::Take take_time(Time& time) {
  return [&time](const std::string& text) -> Result<> {
    Result<std::chrono::seconds> parsed = mail::parse_time(text, kMaxTime);
    if (!parsed) return failed(parsed);
    time = *parsed;
    return {};
  };
}

Result<Line> parse_line(int argc, char** argv) {
  Line line;
  local::Settings& settings = line.settings;
  bool explain = false;
  std::optional<std::string> instance;
  posix::Options options(kUsage);
  options.letters("nN", [&](char letter) { settings.only_show = letter == 'n'; })
      .flag("explain", explain)
      .value("instance", instance)
      .value("lock-seconds", take_time(settings.lock_patience))
      .value("program-seconds", take_time(settings.program_limit));
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  line.help = !*operands;
  if (line.help) return line;
  std::vector<std::string>& at = **operands;
  if (at.size() != 8) return options.wrong();
  line.delivery = {at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]};
  if (!line.delivery.home.starts_with('/')) {
    return permanent("home \"{}\" does not begin with a slash", line.delivery.home);
  }
  if (explain) settings.only_show = settings.explain = true;
  if (instance) settings.instance = absolute(*instance);
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
    if (line->help) return 0;
    return run(line->delivery, std::move(line->settings));
  });
}
