// The queue client of reference 0.8: a program named by QMAILQUEUE, or MAILQUEUE where that is not
// set, takes the message in our place.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "queue/submit.h"

namespace porpoise::queue {

/// The program that the environment names; none where it names none or we have raised privilege.
std::optional<std::string> foreign_program();

/// Starts `program` (no PATH search, the working folder is the instance) with descriptor 0 for the
/// message, 1 for the envelope and 6 for its own text. Code 120 where it cannot be started.
SubmitResult<std::unique_ptr<Submission>> begin_foreign(const Instance& instance,
                                                        const std::string& program,
                                                        const SubmitOptions& options);

/// What its end means: none where the message is queued. `text` is what it wrote to descriptor 6,
/// `all_written` whether it took all that we had for it.
SubmitResult<> verdict(const std::string& program, int code, int signal, std::string_view text,
                       bool all_written);

}  // namespace porpoise::queue
