// The command line of the small programs: long options, single letters, a stop at the first
// operand,
// --help.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libmail/result.h"

namespace porpoise::posix {

/// Describes what a program takes, and reads it. Options may be shortened as long as they stay
/// clear; a value may follow in the same word or in the next one.
class Options {
 public:
  using Take = std::function<Result<>(const std::string& value)>;

  /// `usage` is one line or more without a last LF: what --help shows, and a wrong line is told.
  explicit Options(std::string usage) : usage_(std::move(usage)) {}

  Options& flag(std::string name, bool& set);
  Options& value(std::string name, std::optional<std::string>& value);
  /// `take` may refuse the value: read() then gives its error.
  Options& value(std::string name, Take take);
  /// The value can only come in the same word; without one `take` gets "".
  Options& maybe_value(std::string name, Take take);
  /// -x for each x of `letters`, which may share a word. The last call counts.
  Options& letters(std::string letters, std::function<void(char)> take);

  /// The operands. Nothing: --help was asked for and shown, and there is nothing else to do.
  /// Errors: a permanent one, the usage; those of `take`; that standard output takes nothing.
  Result<std::optional<std::vector<std::string>>> read(int argc, char** argv) const;

  /// The error for operands that make no sense.
  tl::unexpected<Error> wrong() const { return permanent("{}", usage_); }

 private:
  struct Known {
    std::string name;
    int argument;  // as getopt_long has it
    Take take;
  };
  Result<> take(int which) const;

  std::string usage_;
  std::vector<Known> known_;
  std::string letters_;
  std::function<void(char)> take_letter_;
};

}  // namespace porpoise::posix
