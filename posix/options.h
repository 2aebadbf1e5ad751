// The command line of the small programs: long options, a stop at the first operand, --help.

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

  /// The operands. Nothing: --help was asked for and shown, and there is nothing else to do.
  /// Errors: a permanent one, the usage; those of `take`; that standard output takes nothing.
  Result<std::optional<std::vector<std::string>>> read(int argc, char** argv) const;

  /// The error for operands that make no sense.
  tl::unexpected<Error> wrong() const { return permanent("{}", usage_); }

 private:
  struct Known {
    std::string name;
    bool has_value = false;
    Take take;
  };
  Result<> take(int index) const;

  std::string usage_;
  std::vector<Known> known_;
};

}  // namespace porpoise::posix
