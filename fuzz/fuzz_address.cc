// Address lists: any octets. Held to:
//   - a fault lies in the text and says so in one printable line;
//   - what is read is printed as one field whose lines are folds, and reads back as the same
//     addresses in the same order, in the same groups, with the same names;
//   - that second reading needs no repair, and its print is the print: printing has one form;
//   - every address survives envelope form and back;
//   - the print goes through the header reader as one field.

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string>

#include "libmail/address.h"
#include "libmail/address_text.h"
#include "libmail/header.h"
#include "libmail/qualify.h"

namespace {

using namespace porpoise::mail;

void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "fuzz_address: line %u does not hold\n", where.line());
  std::abort();
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
  auto list = parse_addresses(body);
  if (!list) {
    require(list.error().at <= body.size() && is_line(list.error().text));
    return 0;
  }
  std::size_t count = 0;
  for (const Mailbox& mailbox : list->mailboxes) {
    require(mailbox.at < body.size());
    check_envelope(mailbox);
    ++count;
  }
  if (list->empty()) return 0;

  const std::string print = print_field("To", *list);
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
