// control/remote: the program that mail for other hosts is given to.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instance/instance.h"
#include "libmail/result.h"

namespace porpoise {

/// What control/remote says: `pipe COMMAND...` or `qmail PROGRAM...`.
struct RemoteProgram {
  enum class Style {
    pipe,   ///< `-f SENDER -- RECIPIENT` appended, an exit code of sysexits(3)
    qmail,  ///< HOST SENDER RECIPIENT appended, reports on standard output (reference 11.2)
  };
  Style style = Style::pipe;
  std::vector<std::string> words;  ///< at least one: the program, and what it always gets

  /// Reads the file's one line. The words are split at blanks, and nothing else means anything:
  /// a line that looks as if it were written for a shell is an error, not a surprise. Errors are
  /// temporary, name the file, and say what is wanted.
  static Result<RemoteProgram> parse(std::string_view line);

  /// Nothing: there is no such file, or it is empty. Errors: those of parse() and Control.
  static Result<std::optional<RemoteProgram>> load(const Instance& instance);

  /// The file to execute: the first word, or where it has no slash the first of that name on
  /// kRemotePath. A temporary error where there is none.
  Result<std::string> path() const;
};

inline constexpr const char* kRemotePath = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin";

}  // namespace porpoise
