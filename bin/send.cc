// send(8): schedules what is queued.

#include <charconv>
#include <getopt.h>
#include <optional>
#include <string>

#include "instance/instance.h"
#include "posix/file.h"
#include "posix/program.h"
#include "send/loop.h"
#include "send/rights.h"

namespace {

using namespace porpoise;

constexpr const char* kUsage =
    "usage: send [--instance DIR] [--once] [--log-format plain|json] [--report ID --report-fd N] "
    "[--spawner-fd N] [--control-fd N] [--retry [ID ...]]";

struct Line {
  std::optional<std::string> instance;
  send::Options options;
  bool help = false;
};

Result<int> descriptor(std::string_view option, std::string_view text) {
  int fd = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || end != text.data() + text.size() || fd < 3) {
    return permanent("{}: \"{}\" is no descriptor from 3 on", option, text);
  }
  return fd;
}

Result<queue::Id> parse_id(std::string_view text) {
  const auto id = queue::Id::parse(text);
  if (!id) return permanent("\"{}\" is no message id", text);
  return *id;
}

Result<send::LogFormat> log_format(std::string_view word) {
  if (word == "plain") return send::LogFormat::plain;
  if (word == "json") return send::LogFormat::json;
  return permanent("--log-format: \"{}\" is neither plain nor json", word);
}

Result<> add_id(send::Options& options, std::string_view text) {
  Result<queue::Id> id = parse_id(text);
  if (!id) return failed(id);
  options.retry.push_back(*id);
  return {};
}

Result<Line> parse_line(int argc, char** argv) {
  const option known[] = {{"help", no_argument, nullptr, 'h'},
                          {"instance", required_argument, nullptr, 'i'},
                          {"log-format", required_argument, nullptr, 'l'},
                          {"once", no_argument, nullptr, 'o'},
                          {"report", required_argument, nullptr, 'R'},
                          {"report-fd", required_argument, nullptr, 'F'},
                          {"retry", optional_argument, nullptr, 'r'},
                          {"spawner-fd", required_argument, nullptr, 's'},
                          {"control-fd", required_argument, nullptr, 'c'},
                          {nullptr, 0, nullptr, 0}};
  Line line;
  bool retry = false;
  std::optional<queue::Id> report;
  int report_fd = -1;
  opterr = 0;
  for (int c; (c = ::getopt_long(argc, argv, "+", known, nullptr)) != -1;) {
    if (c == 'h') {
      line.help = true;
    } else if (c == 'i') {
      line.instance = optarg;
    } else if (c == 'o') {
      line.options.once = true;
    } else if (c == 'l') {
      Result<send::LogFormat> format = log_format(optarg);
      if (!format) return failed(format);
      line.options.log_format = *format;
    } else if (c == 's' || c == 'c') {
      Result<int> fd = descriptor(c == 's' ? "--spawner-fd" : "--control-fd", optarg);
      if (!fd) return failed(fd);
      (c == 's' ? line.options.spawner_socket : line.options.control_socket) = *fd;
    } else if (c == 'F') {
      Result<int> fd = descriptor("--report-fd", optarg);
      if (!fd) return failed(fd);
      report_fd = *fd;
    } else if (c == 'R') {
      Result<queue::Id> id = parse_id(optarg);
      if (!id) return failed(id);
      report = *id;
    } else if (c == 'r') {
      retry = true;
      if (optarg == nullptr) continue;
      if (Result<> done = add_id(line.options, optarg); !done) return failed(done);
    } else {
      return permanent("{}", kUsage);
    }
  }
  if (optind < argc && !retry) return permanent("{}", kUsage);
  for (int i = optind; i < argc; ++i) {
    if (Result<> done = add_id(line.options, argv[i]); !done) return failed(done);
  }
  if (report.has_value() != (report_fd >= 0)) {
    return permanent("--report and --report-fd come together");
  }
  if (report) line.options.report = send::Options::Report{*report, report_fd};
  line.options.retry_all = retry && line.options.retry.empty();
  return line;
}

Result<int> run(const Line& line) {
  if (line.help) {
    Result<> shown = posix::write_all(1, fmt::format("{}\n", kUsage), "standard output");
    if (!shown) return failed(shown);
    return 0;
  }
  Result<Instance> instance = Instance::find(line.instance);
  if (!instance) return failed(instance);
  if (Result<> owner = instance->require_owner(); !owner) return failed(owner);
  if (Result<> done = send::confine_send(*instance); !done) return failed(done);
  return send::run(*instance, line.options);
}

}  // namespace

int main(int argc, char** argv) {
  posix::begin_program();
  return posix::run_program("send", [&]() -> Result<int> {
    Result<Line> line = parse_line(argc, argv);
    if (!line) return failed(line);
    return run(*line);
  });
}
