// SMTP command lines (RFC 5321 section 4.1, RFC 821 section 4.1): verb, argument, and what the
// arguments of each say.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "libmail/smtp_parameters.h"
#include "libmail/smtp_path.h"

namespace porpoise::mail {

enum class SmtpVerb : std::uint8_t {
  unknown,
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  rset,
  noop,
  vrfy,
  expn,
  help,
  quit,
  auth,
  starttls,
  bdat,
  send,  ///< this and the next three: obsolete (RFC 5321 appendix F)
  soml,
  saml,
  turn,
  etrn,
};

/// A line as verb and argument; borrows from it.
struct SmtpCommand {
  SmtpVerb verb = SmtpVerb::unknown;
  std::string_view word{};      ///< the verb as written; printable ASCII
  std::string_view argument{};  ///< without blanks at its ends
  std::size_t at = 0;           ///< where the argument begins on the line
};

/// Reads a line without its end. Blanks at its end do not count. A fault (500 5.5.2): a control
/// octet, malformed UTF-8, no verb at the beginning of the line; strict, not one blank after it.
/// An unknown verb is none: see SmtpCommand::verb.
tl::expected<SmtpCommand, SmtpFault> parse_smtp_command(std::string_view line, SmtpReading reading);

/// What MAIL and RCPT ask. Parameters borrow from the line.
struct MailCommand {
  SmtpPath path{};
  MailParameters parameters{};
};
struct RcptCommand {
  SmtpPath path{};
  RcptParameters parameters{};
};

struct SmtpRules {
  SmtpReading reading = SmtpReading::strict;
  SmtpExtensions offered{};
  SmtpPathLimits limits{};
};

/// The argument of MAIL, `FROM:<path> parameters`. Faults: 501 5.5.4 for the form of the command,
/// 501 5.1.7 for that of the path, 550 5.6.7 for UTF-8 without SMTPUTF8 (RFC 6531 section 3.5), and
/// those of parameters.
tl::expected<MailCommand, SmtpFault> parse_mail(const SmtpCommand& command, const SmtpRules& rules);

/// The argument of RCPT, `TO:<path> parameters`. `utf8`: MAIL had SMTPUTF8. Faults: as MAIL's, but
/// 501 5.1.3 for a path, 553 5.6.7 for UTF-8.
tl::expected<RcptCommand, SmtpFault> parse_rcpt(const SmtpCommand& command, const SmtpRules& rules,
                                                bool utf8);

/// The argument of HELO and EHLO: a domain or an address literal of letters, digits and "-._:[]" -
/// so that nothing in it can end it in a Received field; leniently any word of these. Always ASCII
/// (RFC 6531 section 3.7.1).
tl::expected<std::string_view, SmtpFault> parse_helo(const SmtpCommand& command,
                                                     SmtpReading reading);

/// The argument of VRFY and EXPN: what is asked about, and whether the client reads UTF-8.
struct VrfyCommand {
  std::string_view text{};         ///< as written
  std::optional<SmtpPath> path{};  ///< where it is an address, in "<>" or without
  bool utf8 = false;               ///< SMTPUTF8 was given (RFC 6531 section 3.7.4.2)
};
tl::expected<VrfyCommand, SmtpFault> parse_vrfy(const SmtpCommand& command, const SmtpRules& rules);

/// DATA, RSET and QUIT have no argument (RFC 5321 section 4.1.1.5). Nothing where that is so.
std::optional<SmtpFault> argument_fault(const SmtpCommand& command);

/// Of a command line with its CRLF: 512 (RFC 5321 section 4.5.3.1.4) and what the extensions add -
/// SIZE 26, BODY 17, SMTPUTF8 10, DSN 124 and 528, AUTH 500 - and much room besides.
inline constexpr std::size_t kMaxSmtpLineOctets = 4096;

/// Of a line of an AUTH exchange (RFC 4954 section 4).
inline constexpr std::size_t kMaxAuthLineOctets = 12288;

}  // namespace porpoise::mail
