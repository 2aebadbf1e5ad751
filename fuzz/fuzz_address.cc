// Address lists: any octets. Held to:
//   - a fault lies in the text and says so in one printable line;
//   - what is read is printed as one field whose lines are folds, and reads back as the same
//     addresses in the same order, in the same groups, with the same names;
//   - that second reading needs no repair, and its print is the print: printing has one form;
//   - every address survives envelope form and back, and any name and address survive print;
//   - the print goes through the header reader as one field;
//   - what the strict reader takes the other one takes, and its print is strict again; a fault of
//     the strict reader lies in the text too;
//   - the JSON is JSON, in UTF-8, on one line;
//   - an input of n octets costs O(n) steps.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>
#include <utility>

#include "libmail/address.h"
#include "libmail/address_json.h"
#include "libmail/address_text.h"
#include "libmail/header.h"
#include "libmail/qualify.h"
#include "libmail/steps.h"
#include "libmail/utf8.h"

namespace {

using namespace porpoise::mail;

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "fuzz_address: line %u does not hold\n", where.line());
  std::abort();
}

constexpr std::uint64_t kStepsPerOctet = 32;
constexpr std::uint64_t kStepsAtLeast = 1000;

// How many steps were counted since the last call; in builds that count none, 0.
std::uint64_t steps_taken() {
#ifdef PORPOISE_COUNT_STEPS
  return std::exchange(steps, 0);
#else
  return 0;
#endif
}

void require_cheap(std::size_t octets) {
  require(steps_taken() <= kStepsPerOctet * octets + kStepsAtLeast);
}

// The end of the JSON string that begins at `at`.
std::size_t json_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') {
      ++at;
      require(at < json.size() && std::string_view("\"\\u").find(json[at]) != std::string::npos);
    }
  }
  require(at < json.size());
  return at + 1;
}

// An array of objects with four members each, or an error.
void check_json(std::string_view json, std::size_t mailboxes) {
  require(is_utf8(json));
  for (const char c : json) require(static_cast<unsigned char>(c) >= 32 && c != 127);
  std::string outline;
  for (std::size_t i = 0; i < json.size();) {
    if (json[i] == '"') {
      const std::size_t end = json_string(json, i);
      outline += json.substr(end).starts_with(':') ? 'k' : 's';
      i = end;
    } else {
      outline += json.substr(i).starts_with("null") ? 's' : json[i];
      i += json.substr(i).starts_with("null") ? 4 : 1;
    }
  }
  std::string expected = "[";
  for (std::size_t i = 0; i < mailboxes; ++i) {
    expected.append(i > 0 ? ", " : "").append("{k:s,k:s,k:s,k:s}");
  }
  require(outline == expected + "]");
}

bool is_line(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) return false;
  }
  return true;
}

void check_same(const AddressList& a, const AddressList& b) {
  require(a.mailboxes.size() == b.mailboxes.size() && a.groups.size() == b.groups.size());
  for (std::size_t i = 0; i < a.groups.size(); ++i) {
    const AddressGroup& x = a.groups[i];
    const AddressGroup& y = b.groups[i];
    require(x.name == y.name && x.first == y.first && x.size == y.size);
    require(x.comments == y.comments);
  }
  for (std::size_t i = 0; i < a.mailboxes.size(); ++i) {
    const Mailbox& x = a.mailboxes[i];
    const Mailbox& y = b.mailboxes[i];
    require(x.local == y.local && x.domain == y.domain && x.display == y.display);
    require(x.group == y.group && x.null == y.null);
    require(x.comments == y.comments);
  }
}

void check_envelope(const Mailbox& mailbox) {
  require(mailbox.domain.empty() || domain_fault(mailbox.domain).empty());
  if (mailbox.null || mailbox.domain.empty()) return;
  const std::string address = envelope_address(mailbox);
  const Mailbox again = from_envelope(address);
  if (mailbox.domain.find('@') != std::string::npos) return;  // inside a literal: not an envelope's
  require(again.local == mailbox.local && again.domain == mailbox.domain);
  require(quote_address(address) == print_address(mailbox));
}

// A name, a local part and a domain of any octets but those no address may hold, printed and read.
void check_print(std::string_view name, std::string_view local, std::string_view domain) {
  const auto bad = [](char c) { return c == '\0' || c == '\r' || c == '\n'; };
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
  Mailbox mailbox;
  mailbox.angle = true;
  mailbox.display = name;
  std::ranges::replace_if(mailbox.display, control, ' ');
  mailbox.local = local;
  std::erase_if(mailbox.local, bad);
  if (domain_fault(domain).empty()) mailbox.domain = domain;
  const auto list = parse_addresses(print_mailbox(mailbox));
  require(list.has_value() && list->mailboxes.size() == 1 && list->groups.empty());
  require(!list->repaired);
  const Mailbox& again = list->mailboxes.front();
  require(again.display == mailbox.display && again.local == mailbox.local);
  require(again.domain == mailbox.domain);
}

// The body of the one field that `print` is.
std::string one_field(const std::string& print) {
  HeaderReader reader;
  require(reader.feed(print) == print.size());
  const auto header = std::move(reader).finish();
  require(header.has_value() && header->size() == 1);
  return std::string(header->field(0).body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  check_print(body.substr(0, size / 3), body.substr(size / 3, size / 3), body.substr(size / 3 * 2));
  (void)steps_taken();
  const auto not_strict = strict_fault(body);
  require_cheap(size);
  if (not_strict) require(not_strict->at <= body.size() && is_line(not_strict->text));
  auto list = parse_addresses(body);
  require_cheap(size);
  if (!list) {
    require(not_strict.has_value());
    require(list.error().at <= body.size() && is_line(list.error().text));
    return 0;
  }
  check_json(address_json(body, *list, JsonForm::base64).value(), list->mailboxes.size());
  if (const auto json = address_json(body, *list)) {
    check_json(*json, list->mailboxes.size());
  } else {
    require(not_strict && json.error().at < body.size() && is_utf8(json.error().text));
  }
  std::size_t count = 0;
  for (const Mailbox& mailbox : list->mailboxes) {
    require(mailbox.at < body.size());
    check_envelope(mailbox);
    ++count;
  }
  if (list->empty()) return 0;

  const std::string print = print_field("To", *list);
  if (!not_strict) require(!strict_fault(one_field(print)));
  const auto again = parse_addresses(one_field(print));
  require(again.has_value() && !again->repaired);
  check_same(*list, *again);
  require(print_field("To", *again) == print);

  for (Mailbox& mailbox : list->mailboxes) (void)qualify(mailbox, {"h.test", "d.test", "p.test"});
  const auto qualified = parse_addresses(one_field(print_field("To", *list)));
  require(qualified.has_value());
  std::size_t qualified_count = 0;
  for (const Mailbox& mailbox : qualified->mailboxes) {
    require(mailbox.null || !mailbox.domain.empty());
    ++qualified_count;
  }
  require(qualified_count == count);
  return 0;
}
