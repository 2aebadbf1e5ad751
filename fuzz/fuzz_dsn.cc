// Delivery status notifications: any octets, as the text of a part and as the values of one. Held
// to:
//   - a fault lies in the text and is one printable line;
//   - what is read is printed as lines of fields that read back, in both forms, and the print of
//     that is the same; the ASCII form is ASCII;
//   - no value, whatever its octets, begins a field or a group of its own;
//   - addresses of type utf-8 come through their ASCII form;
//   - the cost is in proportion to the text.

#include <algorithm>
#include <string>

#include "fuzz/property.h"
#include "libmail/dsn.h"
#include "libmail/utf8.h"

namespace {

using namespace porpoise::mail;
using namespace porpoise::fuzz;

constexpr DsnLimits kLimits{.recipients = 10, .fields = 20, .value_octets = 500};

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
}

void check_print(const DeliveryStatus& status, DsnForm form) {
  const std::string text = print(status, form);
  if (form == DsnForm::ascii) require(is_ascii(text));
  require(is_utf8(text) && text.find('\r') == std::string::npos);
  const auto again = parse_delivery_status(text);
  require(again && again->recipients.size() == status.recipients.size());
  require(again->message.others.size() == status.message.others.size());
  for (std::size_t i = 0; i < status.recipients.size(); ++i) {
    const DsnRecipient& a = status.recipients[i];
    const DsnRecipient& b = again->recipients[i];
    require(a.action == b.action && a.status == b.status && a.final.type == b.final.type);
    require(a.original.has_value() == b.original.has_value());
    require(a.diagnostic.has_value() == b.diagnostic.has_value());
    require(a.others.size() == b.others.size());
    if (is_ascii(a.final.text)) require(a.final.text == b.final.text);
  }
  require(print(*again, form) == text);
}

// A value of any octets stays one value.
void check_value(std::string_view value) {
  DeliveryStatus status;
  status.message.reporting_mta = {"dns", std::string(value)};
  status.message.envelope_id = std::string(value);
  status.message.others = {{"X-Other", std::string(value)}};
  DsnRecipient& recipient = status.recipients.emplace_back();
  recipient.final = {"rfc822", std::string(value)};
  recipient.original = TypedText{"utf-8", std::string(value)};
  recipient.diagnostic = TypedText{"smtp", std::string(value)};
  recipient.log_id = std::string(value);
  for (const DsnForm form : {DsnForm::ascii, DsnForm::global}) {
    const Cost cost(8 * value.size() + 500, 60);
    const std::string text = print(status, form);
    const auto again = parse_delivery_status(text);
    require(again && again->recipients.size() == 1 && again->message.others.size() == 1);
    require(again->recipients[0].others.empty() && !again->recipients[0].remote_mta);
    require(again->recipients[0].original->type == "utf-8");
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      require(end - at <= 998);
      at = end + 1;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text = view_of(data, size);
  const auto status = [&] {
    const Cost cost(text.size(), 20);
    return parse_delivery_status(text, kLimits);
  }();
  if (status) {
    require(status->recipients.size() <= kLimits.recipients && !status->recipients.empty());
    check_print(*status, DsnForm::ascii);
    check_print(*status, DsnForm::global);
  } else {
    require(status.error().at <= text.size() && is_line(status.error().text));
  }
  check_value(text);

  const std::string coded = encode_utf8_address(text);
  require(is_ascii(coded) && (text.empty() || is_line(coded)));
  const auto decoded = decode_utf8_address(coded);
  require(decoded.has_value() && (*decoded == text || !is_utf8(text)));
  if (const auto original = original_recipient(text)) {
    require(!original->type.empty() && text.size() > original->type.size());
  }
  return 0;
}
