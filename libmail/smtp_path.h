// Paths of SMTP commands (RFC 5321 section 4.1.2, RFC 821 section 4.1.2, RFC 6531 section 3.3):
// `<local@domain>`, with quoted local parts, domain literals and the source routes of old, which
// are read and dropped (RFC 1123 section 5.2.6).

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "libmail/cursor.h"

namespace porpoise::mail {

enum class SmtpReading {
  /// Exactly the grammar of RFC 5321.
  strict,
  /// And what real clients send, where it can mean one thing only: more than one blank between
  /// verb and argument; blanks around the colon and just inside the brackets; a path without
  /// brackets; an address without domain; "_" in a domain; one dot after it (dropped); outside
  /// quotes, "\" before an octet (RFC 821), and quoted words between dots (RFC 5322 section 4.4).
  lenient,
};

struct SmtpPath {
  std::string address{};  ///< in envelope form: the local part unquoted; "" for <>
  bool routed = false;    ///< there was a source route
  bool utf8 = false;      ///< has octets from 128 on, well-formed UTF-8: needs SMTPUTF8

  bool null() const { return address.empty(); }
  std::string_view local() const;   ///< before the last "@"; all where there is none
  std::string_view domain() const;  ///< after it; "" where there is none
};

struct SmtpPathLimits {
  std::size_t address_octets = 1002;  ///< in envelope form: what the queue takes
  std::size_t domain_octets = 255;    ///< RFC 5321 section 4.5.3.1.2
};

struct SmtpPathFault {
  std::size_t at = 0;     ///< octet of the text that the cursor reads
  std::string_view text;  ///< what is wrong there, a fixed text in ASCII
};

enum class SmtpPathKind {
  reverse,  ///< of MAIL: may be "<>"
  forward,  ///< of RCPT: may be "<postmaster>" in any case, without a domain
};

/// Reads a path; the cursor stands behind it after success. Never accepted: control octets,
/// malformed UTF-8, "@" in a domain literal (its envelope form would be read otherwise).
tl::expected<SmtpPath, SmtpPathFault> take_path(Cursor& cursor, SmtpPathKind kind,
                                                SmtpReading reading = SmtpReading::strict,
                                                const SmtpPathLimits& limits = {});

/// The path "<...>" that strict reading reads as `envelope_address`, its quoting the shortest.
/// Nothing where no path can carry it: control octets, malformed UTF-8, a bad domain, too long,
/// or no domain (but postmaster needs none).
std::optional<std::string> print_path(std::string_view envelope_address);

/// What is wrong with `domain` as a domain or literal; "" where nothing is.
std::string_view smtp_domain_fault(std::string_view domain,
                                   SmtpReading reading = SmtpReading::strict);

}  // namespace porpoise::mail
