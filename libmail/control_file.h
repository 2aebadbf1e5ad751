// The texts of control files: one value, or one list (reference sections 0.3 and 12). What reads
// the files is instance/control.h.
//
// Mended from qmail: blanks and a CR at either end of a line do not count, an empty value is none,
// and what cannot be meant - a NUL, a line beyond its limit, a number with something behind it - is
// an error that names file and line.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/result.h"

namespace porpoise::mail {

struct ControlLimits {
  std::size_t line_octets = 65536;
  std::size_t entries = 1'000'000;  ///< of a list
};

/// One entry of a list; borrows from the text.
struct ControlEntry {
  std::string_view text;
  std::size_t line = 0;  ///< from 1
};

/// `file` is what errors call it: "control/me". Errors are permanent: "control/me line 1: a NUL".

/// The first line; nothing where it is empty. "#" begins no comment.
Result<std::optional<std::string_view>> control_value(std::string_view file, std::string_view text,
                                                      const ControlLimits& limits = {});

/// The first line as a number from 0 on.
Result<std::optional<std::int64_t>> control_number(std::string_view file, std::string_view text,
                                                   const ControlLimits& limits = {});

/// The lines, without empty ones and those that begin with "#".
Result<std::vector<ControlEntry>> control_list(std::string_view file, std::string_view text,
                                               const ControlLimits& limits = {});

/// An entry "key:value" of a map, split at its first colon, blanks around both taken off. Nothing
/// where there is no colon.
struct ControlPair {
  std::string_view key, value;
};
std::optional<ControlPair> control_pair(std::string_view entry);

}  // namespace porpoise::mail
