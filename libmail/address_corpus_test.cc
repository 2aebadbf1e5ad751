// The cases of address lists: the JSON that addr(1) prints, or the fault.

#include <fmt/format.h>

#include "libmail/address.h"
#include "libmail/address_json.h"
#include "libmail/address_text.h"
#include "libmail/corpus_cases_test.h"

namespace porpoise::mail {
namespace {

using corpus::Verdict;

Verdict fault_verdict(const AddressFault& fault) {
  return tl::make_unexpected(fmt::format("{} {}", fault.at, fault.text));
}

Verdict json_verdict(std::string_view body, const tl::expected<AddressList, AddressFault>& list) {
  if (!list) return fault_verdict(list.error());
  const auto json = address_json(body, *list);
  if (!json) return fault_verdict(json.error());
  return *json;
}

CORPUS_KIND(AddressListStrict, "address-list strict") {
  const Verdict strict = json_verdict(input, parse_addresses_strictly(input));
  // Whatever the strict reader takes, the other one takes with the same result.
  if (strict) {
    EXPECT_EQ(*strict, json_verdict(input, parse_addresses(input)).value_or("refused"));
  }
  return strict;
}

CORPUS_KIND(AddressListLenient, "address-list lenient") {
  return json_verdict(input, parse_addresses(input));
}

// The field as inject(1) would write it anew, folded, without a default host.
CORPUS_KIND(AddressListPrint, "address-list print") {
  const auto list = parse_addresses(input);
  if (!list) return fault_verdict(list.error());
  return corpus::escaped(print_field("To", *list));
}

// All comments, those inside names included.
CORPUS_KIND(AddressListComments, "address-list comments") {
  const auto list = parse_addresses(input);
  if (!list) return fault_verdict(list.error());
  std::string lines;
  for (const Mailbox& mailbox : list->mailboxes) {
    if (!lines.empty()) lines += '\n';
    lines += corpus::escaped(mailbox.phrase.empty() ? mailbox.display : mailbox.phrase);
    for (const std::string& comment : mailbox.comments) lines += " " + corpus::escaped(comment);
  }
  return lines;
}

}  // namespace
}  // namespace porpoise::mail
