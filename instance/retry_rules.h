// control/retry, read.

#pragma once

#include "instance/instance.h"
#include "libmail/result.h"
#include "libmail/retry_rules.h"

namespace porpoise {

/// No file: no rules. Errors are temporary and name the file and the line.
Result<mail::RetryRules> read_retry_rules(const Instance& instance);

}  // namespace porpoise
