// Delivery status notifications: the machine's part of a report (RFC 3464 section 2, RFC 6533),
// message/delivery-status and message/global-delivery-status, read and written.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "libmail/status_code.h"

namespace porpoise::mail {

/// "type; text": an address ("rfc822", "utf-8"), a host ("dns"), a diagnostic ("smtp").
struct TypedText {
  std::string type{};  ///< lower case
  std::string text{};
};

/// Fields beyond those of RFC 3464: name, at most 256 octets, and value.
using DsnFields = std::vector<std::pair<std::string, std::string>>;

/// The fields about the message. Dates are texts as date.h reads and prints them.
struct DsnMessage {
  std::optional<std::string> envelope_id{};  ///< decoded; only where ENVID was given
  TypedText reporting_mta{};
  std::optional<TypedText> gateway{};
  std::optional<TypedText> received_from{};
  std::optional<std::string> arrival_date{};
  DsnFields others{};
};

enum class DsnAction { failed, delayed, delivered, relayed, expanded };

/// The fields about one recipient.
struct DsnRecipient {
  std::optional<TypedText> original{};  ///< only where ORCPT was given
  TypedText final{};
  DsnAction action = DsnAction::failed;
  StatusCode status{};
  std::optional<TypedText> remote_mta{};
  std::optional<TypedText> diagnostic{};
  std::optional<std::string> last_attempt{};
  std::optional<std::string> log_id{};
  std::optional<std::string> will_retry_until{};
  DsnFields others{};
};

struct DeliveryStatus {
  DsnMessage message{};
  std::vector<DsnRecipient> recipients{};
};

struct DsnFault {
  std::size_t at = 0;  ///< octet of the text
  std::string text{};  ///< one printable line
};

struct DsnLimits {
  std::size_t recipients = 100'000;
  std::size_t fields = 1000;  ///< of one group
  std::size_t value_octets = 65536;
};

/// Reads the body of the part, its lines ended by LF or CRLF. Comments in structured values are
/// taken off. Refused: a line that is no field, a field twice, a group without the fields it must
/// have, no recipient, a value that is not of its form.
tl::expected<DeliveryStatus, DsnFault> parse_delivery_status(std::string_view text,
                                                             DsnLimits limits = {});

enum class DsnForm {
  ascii,   ///< message/delivery-status: octets from 128 on do not occur (RFC 6533 section 3)
  global,  ///< message/global-delivery-status: UTF-8
};

/// The group as lines that end in LF, without the empty line that stands between groups. Nothing in
/// a value can begin another line: LF, CR and other control octets become blanks. In ASCII, UTF-8
/// in an address of type "utf-8" is written "\x{HEX}", and in other values as "?".
std::string print(const DsnMessage& message, DsnForm form = DsnForm::ascii);
std::string print(const DsnRecipient& recipient, DsnForm form = DsnForm::ascii);
std::string print(const DeliveryStatus& status, DsnForm form = DsnForm::ascii);

/// "failed" and so on.
std::string_view action_name(DsnAction action);

/// An address of type utf-8 in ASCII (RFC 6533 section 3, utf-8-addr-xtext): octets from 128 on,
/// controls, blanks, and "\", "+" and "=" as "\x{HEX}". What is not UTF-8 becomes U+FFFD.
std::string encode_utf8_address(std::string_view address);

/// The other way; text that holds plain UTF-8, too. Nothing where a "\x{HEX}" is none.
std::optional<std::string> decode_utf8_address(std::string_view text);

/// What Original-Recipient says for a value of ORCPT: its type, and its address decoded - of type
/// utf-8 to UTF-8. Nothing where orcpt_fault() says that it is none.
std::optional<TypedText> original_recipient(std::string_view orcpt);

}  // namespace porpoise::mail
