// send(8): schedules what is queued.

#include <climits>
#include <optional>
#include <string>

#include "instance/instance.h"
#include "libmail/quantity.h"
#include "posix/options.h"
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

// What takes a descriptor that is none of the standard ones into `fd`.
posix::Options::Take descriptor(std::string option, std::optional<int>& fd) {
  return [option = std::move(option), &fd](const std::string& text) -> Result<> {
    const auto given = mail::parse_digits(text, INT_MAX);
    if (!given || *given < 3)
      return permanent("{}: \"{}\" is no descriptor from 3 on", option, text);
    fd = static_cast<int>(*given);
    return {};
  };
}

Result<queue::Id> parse_id(std::string_view text) {
  const auto id = queue::Id::parse(text);
  if (!id) return permanent("\"{}\" is no message id", text);
  return *id;
}

Result<> set_log_format(send::Options& options, const std::string& word) {
  if (word != "plain" && word != "json") {
    return permanent("--log-format: \"{}\" is neither plain nor json", word);
  }
  options.log_format = word == "json" ? send::LogFormat::json : send::LogFormat::plain;
  return {};
}

Result<> add_id(send::Options& options, std::string_view text) {
  Result<queue::Id> id = parse_id(text);
  if (!id) return failed(id);
  options.retry.push_back(*id);
  return {};
}

// --report and --report-fd as they were given.
struct Report {
  std::optional<std::string> id;
  std::optional<int> fd;
};

Result<> set_report(send::Options& options, const Report& report) {
  if (report.id.has_value() != report.fd.has_value()) {
    return permanent("--report and --report-fd come together");
  }
  if (!report.id) return {};
  Result<queue::Id> id = parse_id(*report.id);
  if (!id) return failed(id);
  options.report = send::Options::Report{*id, *report.fd};
  return {};
}

Result<Line> parse_line(int argc, char** argv) {
  Line line;
  send::Options& wanted = line.options;
  bool retry = false;
  Report report;
  posix::Options options(kUsage);
  options.value("instance", line.instance)
      .flag("once", wanted.once)
      .value("log-format", [&](const std::string& word) { return set_log_format(wanted, word); })
      .value("report", report.id)
      .value("report-fd", descriptor("--report-fd", report.fd))
      .value("spawner-fd", descriptor("--spawner-fd", wanted.spawner_socket))
      .value("control-fd", descriptor("--control-fd", wanted.control_socket))
      .maybe_value("retry", [&](const std::string& id) -> Result<> {
        retry = true;
        return id.empty() ? Result<>() : add_id(wanted, id);
      });
  auto operands = options.read(argc, argv);
  if (!operands) return failed(operands);
  line.help = !*operands;
  if (line.help) return line;
  if (!(*operands)->empty() && !retry) return options.wrong();
  for (const std::string& id : **operands) {
    if (Result<> done = add_id(wanted, id); !done) return failed(done);
  }
  if (Result<> done = set_report(wanted, report); !done) return failed(done);
  wanted.retry_all = retry && wanted.retry.empty();
  return line;
}

Result<int> run(const Line& line) {
  if (line.help) return 0;
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
