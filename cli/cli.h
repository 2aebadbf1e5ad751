// CLI11 behind one small header: it takes 11 s of compile time a file that includes it, so this
// is the only door to it. For the programs with modern options; the qmail-compatible ones and
// sendmail use getopt_long.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace porpoise::cli {

/// A command line being described: options and operands are bound to variables, which keep their
/// value where the option is not given.
class Parser {
 public:
  Parser(std::string name, std::string description);
  Parser(Parser&&) noexcept;
  ~Parser();

  Parser& flag(const std::string& names, bool& set, const std::string& help);
  Parser& option(const std::string& names, std::string& value, const std::string& help);
  Parser& option(const std::string& names, std::optional<std::string>& value,
                 const std::string& help);
  Parser& option(const std::string& names, std::int64_t& value, const std::string& help);
  Parser& operand(const std::string& name, std::string& value, const std::string& help,
                  bool required = true);
  Parser& operands(const std::string& name, std::vector<std::string>& values,
                   const std::string& help, bool required = false);
  Parser& footer(const std::string& text);

  /// A subcommand; `chosen` is called after the whole line has parsed, if it was given. The
  /// reference stays valid. With any subcommand described, exactly one must be given.
  Parser& command(const std::string& name, const std::string& help, std::function<void()> chosen);

  /// 0: go on. After --help the help is on standard output and the answer is `done` with code 0; a
  /// wrong line gives one line on standard error and code 100.
  struct Outcome {
    bool done = false;
    int code = 0;
  };
  Outcome parse(int argc, char** argv);

 private:
  struct Body;
  explicit Parser(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace porpoise::cli
