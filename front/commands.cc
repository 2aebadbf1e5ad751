#include "front/commands.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "cli/cli.h"
#include "front/check_queue.h"
#include "front/init.h"
#include "front/passwd.h"
#include "front/retry.h"
#include "front/retry_explain.h"
#include "front/run.h"
#include "front/status.h"
#include "front/tool.h"
#include "front/try.h"
#include "instance/instance.h"
#include "posix/file.h"

namespace porpoise::front {
namespace {

using Option = std::optional<std::string>;
using cli::Parser;

struct Line {
  Option instance;
  int argc;
  char** argv;  // from the command's own word on
};

// `instance` may come before the command or after it.
Parser parser_for(Line& line, const std::string& name, const std::string& help) {
  Parser parser("porpoise " + name, help);
  parser.option("--instance", line.instance, "the instance's folder");
  return parser;
}

Result<int> do_init(Line& line) {
  InitWish wish;
  Parser parser = parser_for(line, "init", "Makes an instance.");
  parser
      .operand("DIR", wish.folder,
               "where (default: your own state folder, the system's with --system)", false)
      .option("--owner", wish.owner, "as root: whose instance, a name or uid")
      .option("--name", wish.name, "the owner's local name (default: as in the password file)")
      .option("--home", wish.home, "the owner's home (default: as in the password file)")
      .option("--host", wish.host, "this host's full name (default: as the system has it)")
      .flag("--system", wish.system, "as root: an instance for all users of the host")
      .option("--root-mail", wish.root_mail, "with --system: who gets root's mail");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  if (wish.folder.empty()) wish.folder = line.instance.value_or("");
  return init(wish);
}

Result<int> do_run(Line& line) {
  RunWish wish;
  Parser parser = parser_for(line, "run", "Runs an instance in the foreground.");
  parser.option("--log", wish.log, "append the log to this file (default: standard output)")
      .option("--log-format", wish.log_format, "plain (default) or json: an object a line");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  wish.instance = line.instance;
  return run(wish);
}

Result<int> do_status(Line& line) {
  StatusWish wish;
  Parser parser = parser_for(line, "status", "Tells whether an instance runs.");
  parser.flag("--wait", wish.wait, "wait until it is ready")
      .option("--timeout", wish.timeout_s, "with --wait: for how many seconds at most");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  wish.instance = line.instance;
  return status(wish);
}

Result<int> do_retry(Line& line) {
  std::vector<std::string> ids;
  Parser parser = parser_for(line, "retry", "Makes waiting messages due now.");
  parser.operands("ID", ids, "messages, as qread shows them (default: all)");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  return retry(line.instance, ids);
}

Result<int> do_retry_explain(Line& line) {
  RetryWish wish;
  Parser parser = parser_for(line, "retry-explain",
                             "Tells when mail for an address is tried, until it is given up.");
  parser.operand("ADDRESS", wish.address, "of a recipient")
      .option("--error", wish.error, "what a delivery reported, or a status: 4.7.1")
      .flag("--json", wish.json, "one JSON object");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  wish.instance = line.instance;
  return retry_explain(wish);
}

Result<int> do_try(Line& line) {
  std::string address;
  Parser parser = parser_for(line, "try", "Tells where mail for an address would go, and why.");
  parser.operand("ADDRESS", address, "as on a command line of sendmail");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  return try_address(line.instance, address);
}

Result<int> do_passwd(Line& line) {
  std::string name;
  Parser parser = parser_for(line, "passwd", "Sets the POP3 password of a local name.");
  parser.operand("NAME", name, "the owner, or a name of users/assign");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  return passwd(line.instance, name);
}

Result<int> do_check_queue(Line& line) {
  CheckQueueWish wish;
  Parser parser = parser_for(line, "check-queue", "Verifies every file of the queue.");
  parser.flag("--repair", wish.repair, "put right what can be; send must not run")
      .flag("--json", wish.json, "one JSON object a finding, and one that sums up");
  if (const auto done = parser.parse(line.argc, line.argv); done.done) return done.code;
  wish.instance = line.instance;
  return check_queue(wish);
}

struct Command {
  std::string_view name;
  std::string_view help;
  Result<int> (*run)(Line& line);
};

constexpr std::array<Command, 8> kCommands = {{
    {"init", "make an instance", do_init},
    {"run", "run it in the foreground: send, spawn and POP3", do_run},
    {"status", "tell whether it runs, and what waits", do_status},
    {"retry", "make waiting messages due now", do_retry},
    {"retry-explain", "tell when mail for an address is tried, and by which rule",
     do_retry_explain},
    {"try", "tell where mail for an address would go", do_try},
    {"check-queue", "verify every file of the queue, and repair it", do_check_queue},
    {"passwd", "set somebody's POP3 password", do_passwd},
}};

Result<int> print(const std::string& text) {
  if (Result<> done = posix::write_all(1, text, "standard output"); !done) return failed(done);
  return 0;
}

std::string usage() {
  std::string text =
      "usage: porpoise [--instance DIR] COMMAND [ARGUMENTS]\n"
      "       porpoise [--instance DIR] TOOL [ARGUMENTS]\n\ncommands:\n";
  for (const Command& c : kCommands) text += fmt::format("  {:<13} {}\n", c.name, c.help);
  text += fmt::format(
      "\ntools, each with --help: {}\n"
      "\nThe instance is DIR, else $PORPOISE, else the system's, else your own.\n",
      fmt::join(tool_names(), " "));
  return text;
}

// The tool finds the instance as everything does: by $PORPOISE.
Result<int> run_tool(const Line& line) {
  if (line.instance) {
    ::setenv("PORPOISE", line.instance->c_str(), 1);
    ::setenv("PORPOISE", Instance::default_path().c_str(), 1);  // made absolute
  }
  return become_tool(line.argv[0], {line.argv + 1, line.argv + line.argc});
}

Result<int> run_command(Line& line) {
  const auto command = std::ranges::find(kCommands, std::string_view(line.argv[0]), &Command::name);
  return command != kCommands.end() ? command->run(line) : run_tool(line);
}

// `porpoise help WORD` is `porpoise WORD --help`.
Result<int> help(const Line& line) {
  if (line.argc < 2) return print(usage());
  std::string option = "--help";
  std::array<char*, 3> words = {line.argv[1], option.data(), nullptr};
  Line asked{.instance = line.instance, .argc = 2, .argv = words.data()};
  return run_command(asked);
}

}  // namespace

Result<int> porpoise(int argc, char** argv) {
  Line line{.instance = {}, .argc = 0, .argv = nullptr};
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") return print(usage());
    if (word == "--instance" && i + 1 < argc && argv[i + 1][0] != '\0') {
      line.instance = argv[++i];
    } else if (word == "--instance" || word == "--instance=") {
      return permanent("--instance: want a folder (try porpoise --help)");
    } else if (word.starts_with("--instance=")) {
      line.instance = word.substr(word.find('=') + 1);
    } else if (word.starts_with('-')) {
      return permanent("unknown option {} (try porpoise --help)", word);
    } else {
      line.argc = argc - i;
      line.argv = argv + i;
      return word == "help" ? help(line) : run_command(line);
    }
  }
  return permanent("no command given (try porpoise --help)");
}

}  // namespace porpoise::front
