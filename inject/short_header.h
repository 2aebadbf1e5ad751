// The header that mailsubj puts before its input (reference 3.2, mended: nothing in the arguments
// can begin another field).

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inject/failure.h"

namespace porpoise::inject {

/// Subject, encoded and folded as needed, and To, one line for each of `recipients`, which are
/// written as in a header: `joe`, `a@b, c@d`, `Joe Doe <joe@x>`. With the empty line behind them.
///
/// Failures: usage: no recipients; data: one that cannot be read or names nobody.
Outcome<std::string> short_header(std::string_view subject,
                                  const std::vector<std::string>& recipients);

}  // namespace porpoise::inject
