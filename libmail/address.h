// Addresses in headers (RFC 822 section 6, RFC 5322 sections 3.4 and 4.4, RFC 6532; reference 1.3
// to 1.6): quoted text, nested comments, groups, routes, obsolete forms, domain literals, UTF-8.
//
// Two readers that agree: a strict one, which takes what the grammar allows and says what it
// expected otherwise, and one for what people write, which takes that and more: octets from 128 on,
// addresses without a host, the old style that separates addresses by blanks (`To: djb fred`).
//
// Nothing is dropped in silence: a body is either read whole, its addresses in the order in which
// they were written, or refused with the place.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace porpoise::mail {

/// One address.
struct Mailbox {
  static constexpr std::size_t kNoGroup = static_cast<std::size_t>(-1);

  /// What stands before "<", ready to print: words as written, on one line. "" where that is
  /// print_phrase(display).
  std::string phrase;
  std::string display;  ///< what the phrase says: unquoted, one blank between words
  std::string local;    ///< the local part, unquoted
  std::string domain;   ///< "" where there is none; a literal with its brackets, unquoted inside
  std::vector<std::string> comments;  ///< "(text)" as written, those in or after the address
  std::size_t group = kNoGroup;       ///< which of AddressList::groups it is in
  std::size_t at = 0;                 ///< octet of the body where the address begins
  bool angle = false;                 ///< written in <>
  bool null = false;                  ///< written as <>: the null path, nobody
};

/// A group: a name and some of the list's mailboxes, which may be none.
struct AddressGroup {
  std::string phrase;                 ///< as Mailbox::phrase
  std::string name;                   ///< as Mailbox::display
  std::vector<std::string> comments;  ///< where no member can carry them
  std::size_t at = 0;                 ///< octet of the body where its name begins
  std::size_t first = 0;              ///< it holds mailboxes[first], ...
  std::size_t size = 0;               ///< ... that many
};

struct AddressList {
  std::vector<Mailbox> mailboxes;    ///< in written order, also those in groups
  std::vector<AddressGroup> groups;  ///< in written order
  /// It was not written as RFC 5322 wants it from a writer (commas missing or too many, ";" without
  /// a group, an unclosed group, a route, a dot or "@" at the end, an octet that needs quoting):
  /// print it anew instead of passing it on as it is.
  bool repaired = false;

  bool empty() const { return mailboxes.empty() && groups.empty(); }
};

/// Why a body cannot be read.
struct AddressFault {
  std::size_t at = 0;  ///< octet of the body, from 0; at most its size
  std::string text;    ///< for a person, with an excerpt: `no ">" closes this "<": "<a@b.c"`
};

struct AddressLimits {
  std::size_t mailboxes = 100'000;  ///< in one list; also the most groups
  std::size_t words = 50'000;       ///< tokens between two separators
};

/// Reads a field body (what follows the colon; a fold is a line end before a blank). An empty one
/// is an empty list. Beyond a limit: a fault.
///
/// What differs from the qmail of old, which read from right to left: the order is the written one;
/// `g: a; h: b;` are two groups; `x <a> y <b>` gets its missing comma; "<a", "a>", "<<a>>",
/// "<a b@c>", a group in a group and an address without a local part are refused; text in "[]"
/// before a "<" belongs to the name. rfc-corpus/LENIENT.md lists what is accepted beyond the RFCs.
tl::expected<AddressList, AddressFault> parse_addresses(std::string_view body,
                                                        AddressLimits limits = {});

/// The strict reader: takes exactly RFC 5322's address-list with the obsolete forms of section 4.4
/// and RFC 6532's UTF-8, or nothing but blanks and comments; line ends may be LF instead of CR LF.
/// What it takes, parse_addresses() takes with the same result. One thing less than the grammar:
/// a local part or domain that holds NUL, CR or LF (as obsolete quoted pairs) is refused, since
/// no envelope can carry it.
tl::expected<AddressList, AddressFault> parse_addresses_strictly(std::string_view body,
                                                                 AddressLimits limits = {});

/// Only whether: the first octet that cannot stand where it does, and what could. Nothing: the
/// strict grammar takes it.
std::optional<AddressFault> strict_fault(std::string_view body);

/// "local@domain", "local", or "" for the null path.
std::string envelope_address(const Mailbox& mailbox);

/// The same in the other direction: split at the last "@".
Mailbox from_envelope(std::string_view address);

/// Whether `domain` can stand after an "@" as it is: atoms with single dots between, or a literal
/// instead of one of them. Says what is wrong, or nothing.
std::string_view domain_fault(std::string_view domain);

}  // namespace porpoise::mail
