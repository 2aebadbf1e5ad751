// The core of inject, pure: a header, what the command line asks and what is known of the caller
// go in; the completed header and the envelope come out (reference section 2).

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "inject/failure.h"
#include "inject/settings.h"
#include "libmail/envelope.h"
#include "libmail/header.h"

namespace porpoise::inject {

inline constexpr std::size_t kMostRecipients = 100'000;      ///< of one message
inline constexpr std::size_t kLongestCompleted = 32u << 20;  ///< octets of a completed header

/// Where the recipients come from.
enum class Recipients {
  arguments,            ///< -a
  header,               ///< -h
  arguments_or_header,  ///< -A: the arguments if there are any, else the header
  both,                 ///< -H: the arguments, then the header
};

struct Job {
  Recipients recipients = Recipients::arguments_or_header;
  /// Each one address in envelope form; with `arguments_are_lists` one that holds any of <>,"()
  /// is read as a header would be.
  std::vector<std::string> arguments{};
  bool arguments_are_lists = false;
  /// Envelope sender, in envelope form; "" is the null sender.
  std::optional<std::string> sender{};
  /// The message is somebody else's: an address field that cannot be read, and from which nothing
  /// is taken, passes as it is.
  bool header_is_data = false;
  bool nobody_is_fine = false;              ///< no recipient at all is no error
  mail::Parameters parameters{};            ///< of the message: RET, ENVID, BODY
  mail::Parameters recipient_parameters{};  ///< of every recipient: NOTIFY
};

struct Completed {
  std::string header;  ///< without the empty line that ends it
  mail::Envelope envelope;
};

/// Completes: Date, Message-ID, From, Sender where From names several, and `Cc: recipient list not
/// shown: ;` where they are missing (of a resent message their Resent- forms), Mail-Followup-To
/// where a mailing list is addressed, all in front of what was written. Address fields that have
/// to change, also because a line of them is too long for SMTP, are printed anew; all else stays
/// byte for byte. Bcc, Resent-Bcc, Return-Path, Content-Length and a From of nobody go.
///
/// Recipients: the arguments in order, then To, Cc, Bcc and Apparently-To (of a resent message:
/// Resent-To, Resent-Cc, Resent-Bcc above the next Received) in written order. Nobody is dropped,
/// duplicates included.
///
/// Failures (data): no recipient at all; an address field that cannot be read and is needed: the
/// text names the field, the octet of it (from 1) and the words; a Sender of two; an argument or
/// sender that is no address; more than the limits above.
Outcome<Completed> complete(const mail::Header& header, const Job& job, const Settings& settings);

}  // namespace porpoise::inject
