// Everything in an SMTP session that could grow, and where it ends.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "libmail/smtp_command.h"

namespace porpoise::smtp {

struct Limits {
  /// Of a command line with its CRLF. Beyond: 500, the line is skipped.
  std::size_t line_octets = mail::kMaxSmtpLineOctets;

  /// In a session. Beyond: 421.
  std::size_t commands = 1'000'000;

  /// Commands that no client means to send: unknown, out of order, wrongly written. The last one
  /// is answered with 421.
  std::size_t errors = 100;

  /// Of one message. Beyond: 452, and the others stand (RFC 5321 section 4.5.3.1.10).
  std::size_t recipients = 10'000;

  /// Of the text, as RFC 1870 counts it; 0: whatever the queue takes. Beyond: 552.
  std::uint64_t message_octets = 0;

  /// Received and Delivered-To fields of a message. Beyond: 554 (RFC 5321 section 6.3).
  std::size_t hops = 100;

  /// How long nothing may come, nor be taken by the client. Kept by the loop.
  std::chrono::seconds idle{3600};

  /// How long a session may last. Kept by the loop.
  std::chrono::seconds session{86400};
};

}  // namespace porpoise::smtp
