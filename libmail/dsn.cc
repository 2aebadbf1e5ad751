#include "libmail/dsn.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "libmail/cfws.h"
#include "libmail/cursor.h"
#include "libmail/field_splitter.h"
#include "libmail/fold.h"
#include "libmail/smtp_parameters.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"
#include "libmail/xtext.h"

namespace porpoise::mail {
namespace {

constexpr std::array<std::string_view, 5> kActions = {"failed", "delayed", "delivered", "relayed",
                                                      "expanded"};
constexpr std::string_view kUtf8Type = "utf-8";
constexpr std::size_t kMaxHex = 6;
constexpr std::size_t kMaxName = 256;   // octets of a field's name
constexpr std::size_t kShownName = 40;  // octets of a field's name in an error

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool equals(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 128;
}

bool is_atom_octet(char c) {
  return c > ' ' && c < 127 &&
         std::string_view("()<>[]:;@\\,.\"").find(c) == std::string_view::npos;
}

// A value on one line, without blanks at its ends and with one blank for each control octet.
std::string one_line(std::string_view body) {
  std::string line = field_value(body);
  count_steps(2 * body.size());
  std::ranges::replace_if(line, is_control, ' ');
  while (line.ends_with(' ')) line.pop_back();
  line.erase(0, std::min(line.find_first_not_of(' '), line.size()));
  return line;
}

// Without comments before and behind it: for values that are one word.
std::optional<std::string> word_of(std::string_view body) {
  Cursor cursor(body);
  if (!skip_cfws(cursor)) return std::nullopt;
  const std::string_view word = cursor.take_while([](char c) { return !is_white(c) && c != '('; });
  count_steps(body.size());
  if (word.empty() || !skip_cfws(cursor) || !cursor.at_end()) return std::nullopt;
  return std::string(word);
}

std::optional<TypedText> typed_text(std::string_view body) {
  Cursor cursor(body);
  if (!skip_cfws(cursor)) return std::nullopt;
  const std::string_view type = cursor.take_while(is_atom_octet);
  if (type.empty() || !skip_cfws(cursor) || !cursor.take(';')) return std::nullopt;
  return TypedText{lower_case(type), one_line(cursor.rest())};
}

using Groups =
    std::vector<std::pair<std::string_view, std::size_t>>;  // a group and where it begins

// One group's fields, each taken once.
class GroupReader {
 public:
  GroupReader(std::string_view text, std::size_t at, const DsnLimits& limits)
      : text_(text), at_(at), limits_(limits) {}

  // Calls `take(name, body)` for each; it says what is wrong with it, or "".
  template <class Take>
  std::optional<DsnFault> read(Take take) {
    FieldSplitter splitter(text_);
    std::size_t count = 0;
    for (FieldSlice field; splitter.next(field);) {
      count_steps(field.text.size());
      place_ = at_ + static_cast<std::size_t>(field.text.data() - text_.data());
      if (++count > limits_.fields) return fault("too many fields");
      if (field.name.size() > kMaxName) return fault("a field name that is too long");
      if (field.body.size() > limits_.value_octets) return fault("a field that is too long");
      if (const std::string_view what = take(field.name, field.body); !what.empty()) {
        return fault(fmt::format("{}: {}", field.name.substr(0, kShownName), what));
      }
    }
    if (splitter.header_size() == text_.size()) return std::nullopt;
    place_ = at_ + splitter.header_size();
    return fault("a line that is no field");
  }

  std::optional<DsnFault> fault(std::string text) const {
    return DsnFault{place_, std::move(text)};
  }

 private:
  std::string_view text_;
  std::size_t at_;
  const DsnLimits& limits_;
  std::size_t place_ = 0;
};

constexpr std::string_view kTwice = "given twice";
constexpr std::string_view kWantTyped = "want a type, \";\" and a value";

std::string_view set(std::optional<TypedText>& into, std::string_view body) {
  if (into) return kTwice;
  into = typed_text(body);
  return into ? "" : kWantTyped;
}

std::string_view set(std::optional<std::string>& into, std::string_view body) {
  if (into) return kTwice;
  into = one_line(body);
  return "";
}

std::string_view set_required(TypedText& into, std::string_view body) {
  if (!into.type.empty()) return kTwice;
  const auto value = typed_text(body);
  if (!value) return kWantTyped;
  into = *value;
  return "";
}

std::optional<DsnFault> read_message(std::string_view text, std::size_t at, const DsnLimits& limits,
                                     DsnMessage& into) {
  GroupReader reader(text, at, limits);
  auto fault = reader.read([&](std::string_view name, std::string_view body) -> std::string_view {
    if (equals(name, "Original-Envelope-Id")) return set(into.envelope_id, body);
    if (equals(name, "Reporting-MTA")) return set_required(into.reporting_mta, body);
    if (equals(name, "DSN-Gateway")) return set(into.gateway, body);
    if (equals(name, "Received-From-MTA")) return set(into.received_from, body);
    if (equals(name, "Arrival-Date")) return set(into.arrival_date, body);
    into.others.emplace_back(name, one_line(body));
    return "";
  });
  if (fault) return fault;
  if (into.reporting_mta.type.empty()) return DsnFault{at, "no Reporting-MTA"};
  return std::nullopt;
}

std::optional<DsnFault> read_recipient(std::string_view text, std::size_t at,
                                       const DsnLimits& limits, DsnRecipient& into) {
  bool any_action = false, any_status = false;
  GroupReader reader(text, at, limits);
  auto fault = reader.read([&](std::string_view name, std::string_view body) -> std::string_view {
    if (equals(name, "Original-Recipient")) return set(into.original, body);
    if (equals(name, "Final-Recipient")) return set_required(into.final, body);
    if (equals(name, "Remote-MTA")) return set(into.remote_mta, body);
    if (equals(name, "Diagnostic-Code")) return set(into.diagnostic, body);
    if (equals(name, "Last-Attempt-Date")) return set(into.last_attempt, body);
    if (equals(name, "Final-Log-ID")) return set(into.log_id, body);
    if (equals(name, "Will-Retry-Until")) return set(into.will_retry_until, body);
    if (equals(name, "Action")) {
      if (any_action) return kTwice;
      const auto word = word_of(body);
      const auto found = std::ranges::find(kActions, word ? lower_case(*word) : "");
      if (found == kActions.end()) return "want failed, delayed, delivered, relayed or expanded";
      into.action = static_cast<DsnAction>(found - kActions.begin());
      any_action = true;
      return "";
    }
    if (equals(name, "Status")) {
      if (any_status) return kTwice;
      const auto status = StatusCode::parse(word_of(body).value_or(""));
      if (!status) return "want three numbers with dots between";
      into.status = *status;
      any_status = true;
      return "";
    }
    into.others.emplace_back(name, one_line(body));
    return "";
  });
  if (fault) return fault;
  if (into.final.type.empty()) return DsnFault{at, "no Final-Recipient"};
  if (!any_action) return DsnFault{at, "no Action"};
  if (!any_status) return DsnFault{at, "no Status"};
  return std::nullopt;
}

// The groups between empty lines, without those; at most one more than the limit.
Groups groups_of(std::string_view text, std::size_t most) {
  Groups groups;
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t begin = kNone;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = text.substr(at, end - at);
    count_steps(line.size());
    if (line == "\n" || line == "\r\n") {
      if (begin != kNone) groups.emplace_back(text.substr(begin, at - begin), begin);
      begin = kNone;
      if (groups.size() > most) return groups;
    } else if (begin == kNone) {
      begin = at;
    }
    at = end;
  }
  if (begin != kNone) groups.emplace_back(text.substr(begin), begin);
  return groups;
}

// One field; `value` cannot end it. Octets from 128 on only in the global form.
void add(std::string& out, std::string_view name, std::string_view value, DsnForm form) {
  std::string line;
  append_as_utf8(line, value);
  for (char& c : line) {
    count_steps();
    if (is_control(c)) c = ' ';
    if (form == DsnForm::ascii && is_high(c)) c = '?';
  }
  while (line.ends_with(' ')) line.pop_back();
  out += fmt::format("{}: {}\n", name, fold(line, FoldMode::unstructured, name.size() + 2));
}

void add(std::string& out, std::string_view name, const TypedText& value, DsnForm form) {
  const bool coded = form == DsnForm::ascii && equals(value.type, kUtf8Type) &&
                     std::ranges::any_of(value.text, is_high);
  add(out, name,
      fmt::format("{}; {}", value.type, coded ? encode_utf8_address(value.text) : value.text),
      form);
}

template <class Value>
void add_if(std::string& out, std::string_view name, const std::optional<Value>& value,
            DsnForm form) {
  if (value) add(out, name, *value, form);
}

bool is_field_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127 && c != ':'; });
}

void add_others(std::string& out, const DsnFields& fields, DsnForm form) {
  for (const auto& [name, value] : fields) {
    if (is_field_name(name)) add(out, name, value, form);
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The character of "\x{HEX}"; the cursor stands behind its backslash.
std::optional<char32_t> take_hex_point(Cursor& cursor) {
  if (!cursor.take('x') || !cursor.take('{')) return std::nullopt;
  char32_t point = 0;
  std::size_t digits = 0;
  for (; digits < kMaxHex && hex_value(cursor.peek()) >= 0; ++digits) {
    point = point * 16 + static_cast<char32_t>(hex_value(cursor.take()));
  }
  const bool is_scalar = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  if (digits == 0 || !cursor.take('}') || !is_scalar) return std::nullopt;
  return point;
}

char32_t point_of(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  char32_t point = first & (0x7fu >> character.size());
  for (const char c : character.substr(1))
    point = point << 6 | (static_cast<unsigned char>(c) & 0x3f);
  return point;
}

}  // namespace

std::string_view action_name(DsnAction action) {
  return kActions[static_cast<std::size_t>(action)];
}

tl::expected<DeliveryStatus, DsnFault> parse_delivery_status(std::string_view text,
                                                             DsnLimits limits) {
  const Groups groups = groups_of(text, limits.recipients + 1);
  DeliveryStatus status;
  if (groups.empty()) return tl::make_unexpected(DsnFault{0, "no fields"});
  if (groups.size() == 1) return tl::make_unexpected(DsnFault{text.size(), "no recipient"});
  if (groups.size() > limits.recipients + 1) {
    return tl::make_unexpected(DsnFault{groups.back().second, "too many recipients"});
  }
  auto fault = read_message(groups[0].first, groups[0].second, limits, status.message);
  for (std::size_t i = 1; i < groups.size() && !fault; ++i) {
    status.recipients.emplace_back();
    fault = read_recipient(groups[i].first, groups[i].second, limits, status.recipients.back());
  }
  if (fault) return tl::make_unexpected(std::move(*fault));
  return status;
}

std::string print(const DsnMessage& message, DsnForm form) {
  std::string out;
  add_if(out, "Original-Envelope-Id", message.envelope_id, form);
  add(out, "Reporting-MTA", message.reporting_mta, form);
  add_if(out, "DSN-Gateway", message.gateway, form);
  add_if(out, "Received-From-MTA", message.received_from, form);
  add_if(out, "Arrival-Date", message.arrival_date, form);
  add_others(out, message.others, form);
  return out;
}

std::string print(const DsnRecipient& recipient, DsnForm form) {
  std::string out;
  add_if(out, "Original-Recipient", recipient.original, form);
  add(out, "Final-Recipient", recipient.final, form);
  add(out, "Action", action_name(recipient.action), form);
  add(out, "Status", recipient.status.text(), form);
  add_if(out, "Remote-MTA", recipient.remote_mta, form);
  add_if(out, "Diagnostic-Code", recipient.diagnostic, form);
  add_if(out, "Last-Attempt-Date", recipient.last_attempt, form);
  add_if(out, "Final-Log-ID", recipient.log_id, form);
  add_if(out, "Will-Retry-Until", recipient.will_retry_until, form);
  add_others(out, recipient.others, form);
  return out;
}

std::string print(const DeliveryStatus& status, DsnForm form) {
  std::string out = print(status.message, form);
  for (const DsnRecipient& recipient : status.recipients) out += "\n" + print(recipient, form);
  return out;
}

std::string encode_utf8_address(std::string_view address) {
  std::string utf8, coded;
  append_as_utf8(utf8, address);
  for (std::size_t at = 0; at < utf8.size();) {
    count_steps();
    const std::size_t length = std::max<std::size_t>(utf8_length(utf8, at), 1);
    const char c = utf8[at];
    if (length == 1 && c > ' ' && c <= '~' && c != '\\' && c != '+' && c != '=') {
      coded += c;
    } else {
      const auto point = point_of(std::string_view(utf8).substr(at, length));
      coded += fmt::format("\\x{{{:02X}}}", static_cast<std::uint32_t>(point));
    }
    at += length;
  }
  return coded;
}

std::optional<std::string> decode_utf8_address(std::string_view text) {
  std::string address;
  Cursor cursor(text);
  while (!cursor.at_end()) {
    count_steps();
    const char c = cursor.take();
    if (c != '\\') {
      address += c;
      continue;
    }
    const auto point = take_hex_point(cursor);
    if (!point) return std::nullopt;
    append_utf8(address, *point);
  }
  return address;
}

std::optional<TypedText> original_recipient(std::string_view orcpt) {
  if (!orcpt_fault(orcpt).empty()) return std::nullopt;
  const std::size_t semicolon = orcpt.find(';');
  TypedText value{lower_case(orcpt.substr(0, semicolon)), {}};
  const std::string_view address = orcpt.substr(semicolon + 1);
  // Of plain UTF-8 nothing is xtext; "+" and "=" do not occur in it otherwise.
  const bool plain = std::ranges::any_of(address, is_high);
  value.text = plain ? std::string(address) : *decode_xtext(address);
  if (value.type == kUtf8Type) {
    if (auto decoded = decode_utf8_address(value.text)) value.text = std::move(*decoded);
  }
  return value;
}

}  // namespace porpoise::mail
