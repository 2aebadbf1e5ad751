// From standard input to the queue, or with -n to standard output: the part of inject and
// sendmail that does I/O. Memory does not grow with the body.

#pragma once

#include <optional>
#include <string>

#include "inject/complete.h"
#include "inject/failure.h"

namespace porpoise::inject {

struct Request {
  Job job{};
  std::optional<std::string> instance{};  ///< --instance
  std::optional<std::string> name{};      ///< the From name, over the environment's
  bool sender_is_from = false;  ///< a From that is made has the sender's address (sendmail -f)
  bool print = false;           ///< -n: to standard output, behind a Return-Path line; no queue
  bool print_id = false;        ///< the id on standard output, once the message is queued
  bool dot_ends = false;        ///< a line of a single dot ends the message
  bool start_send = true;       ///< where no send runs, start one
  bool wait = false;            ///< and wait for the first attempts (interactive.h)
  bool verbose = false;         ///< a line for each recipient on standard output, once queued
  std::string before{};         ///< stands before what is read: a header, for mailsubj
  std::optional<std::string> save_to{};  ///< where a message that is not taken is kept
};

/// Reads the whole header from descriptor 0 first; nothing is begun before it is known to be good.
/// When this succeeds without `print`, the message is in the queue and on disk. When it fails with
/// `save_to`, the message is read to its end and kept (kept_copy.h), and the text says so.
Outcome<> run(const Request& request);

/// The envelope that a message without header or body would have: how the arguments and the sender
/// are read. Failures: as those of run().
Outcome<mail::Envelope> envelope_of(const Request& request);

}  // namespace porpoise::inject
