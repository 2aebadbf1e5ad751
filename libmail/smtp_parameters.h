// The parameters of MAIL and RCPT (RFC 5321 section 4.1.2): SIZE (RFC 1870), BODY (RFC 6152,
// RFC 3030), SMTPUTF8 (RFC 6531), AUTH (RFC 4954), RET, ENVID, NOTIFY and ORCPT (RFC 3461, RFC
// 6533).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "libmail/status_code.h"

namespace porpoise::mail {

/// Why a command is refused, and the reply that says so.
struct SmtpFault {
  std::size_t at = 0;  ///< octet of the line, from 0; at most its size
  int code = 501;
  StatusCode status{5, 5, 4};
  std::string text{};  ///< one line of printable ASCII: what is wrong there
};

/// The extensions that a server announced: parameters of others are refused with 555.
struct SmtpExtensions {
  bool size = true;
  bool eight_bit = true;  ///< 8BITMIME
  bool binary = false;    ///< BINARYMIME
  bool utf8 = true;       ///< SMTPUTF8
  bool dsn = true;
  bool auth = false;
};

/// Of MAIL. The views borrow from the line; "" and false: not given.
struct MailParameters {
  enum class Body : std::uint8_t { unset, seven_bit, eight_bit, binary };
  enum class Ret : std::uint8_t { unset, full, headers };

  std::optional<std::uint64_t> size{};  ///< beyond 2^64-1: 2^64-1, so that it never wraps
  Body body = Body::unset;
  bool utf8 = false;
  Ret ret = Ret::unset;
  std::optional<std::string_view> envid{};  ///< xtext, as it is handed on
  std::optional<std::string_view> auth{};   ///< xtext, or "<>"
};

/// Of RCPT.
struct RcptParameters {
  bool any_notify = false;  ///< NOTIFY was given; all false below: NEVER
  bool on_success = false;
  bool on_failure = false;
  bool on_delay = false;
  std::optional<std::string_view> orcpt{};  ///< "type;xtext", as it is handed on

  /// The value of NOTIFY in its one form, "" where it was not given.
  std::string notify_text() const;
};

inline constexpr std::size_t kMaxEnvidOctets = 100;  // RFC 3461 section 5.4
inline constexpr std::size_t kMaxOrcptOctets = 500;
inline constexpr std::size_t kMaxAuthOctets = 500;  // RFC 4954 section 5
inline constexpr std::size_t kMaxSizeDigits = 20;   // RFC 1870 section 3

/// Read `text`, what follows the path on a line: nothing, or blanks and parameters. `at` is where
/// it begins on the line, for faults: 555 for a parameter that is not known or not offered, 501 for
/// one that is given twice or has a bad value. Costs no memory.
tl::expected<MailParameters, SmtpFault> parse_mail_parameters(std::string_view text, std::size_t at,
                                                              const SmtpExtensions& offered = {});
tl::expected<RcptParameters, SmtpFault> parse_rcpt_parameters(std::string_view text, std::size_t at,
                                                              const SmtpExtensions& offered = {});

/// What is wrong with a value of ORCPT, "type;xtext"; "" where nothing is. Of the type utf-8
/// (RFC 6533 section 3) both forms are good: xtext with "\x{HEX}" in it, and plain UTF-8.
std::string_view orcpt_fault(std::string_view value);

}  // namespace porpoise::mail
