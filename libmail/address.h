// Addresses as people write them in headers (RFC 822 section 6, RFC 5322 sections 3.4 and 4.4,
// RFC 6532; reference 1.3 to 1.6): quoted text, nested comments, groups, routes, obsolete forms,
// domain literals, UTF-8 and other octets from 128 on, and the old style that separates addresses
// by blanks (`To: djb fred`).
//
// Nothing is dropped in silence: a body is either read whole, its addresses in the order in which
// they were written, or refused with the place.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace porpoise::mail {

/// One address.
struct Mailbox {
  std::string phrase;   ///< what stands before "<", ready to print: words as written, on one line
  std::string display;  ///< what the phrase says: unquoted, one blank between words
  std::string local;    ///< the local part, unquoted
  std::string domain;   ///< "" where there is none; a literal with its brackets, unquoted inside
  std::vector<std::string> comments;  ///< "(text)" as written, those in or after the address
  bool angle = false;                 ///< written in <>
  bool null = false;                  ///< written as <>: the null path, nobody
  std::size_t at = 0;                 ///< octet of the body where the address begins
};

/// What stands between two commas: one mailbox, or a group of any number.
struct AddressItem {
  bool group = false;
  std::string phrase;  ///< a group's name, as Mailbox::phrase
  std::string name;    ///< what it says, as Mailbox::display
  std::vector<Mailbox> members;
  std::vector<std::string> comments;  ///< a group's, where no member can carry them
};

struct AddressList {
  std::vector<AddressItem> items;
  /// It was not written as RFC 5322 wants it from a writer (commas missing or too many, ";" without
  /// a group, an unclosed group, a route, a dot or "@" at the end, an octet that needs quoting):
  /// print it anew instead of passing it on as it is.
  bool repaired = false;

  /// Calls `each` with every mailbox in written order, also those in groups.
  template <class Each>
  void for_each(Each each) const {
    for (const AddressItem& item : items) {
      for (const Mailbox& mailbox : item.members) each(mailbox);
    }
  }
  template <class Each>
  void for_each(Each each) {
    for (AddressItem& item : items) {
      for (Mailbox& mailbox : item.members) each(mailbox);
    }
  }
};

/// Why a body cannot be read.
struct AddressFault {
  std::size_t at = 0;  ///< octet of the body, from 0; at most its size
  std::string text;    ///< for a person, with an excerpt: `no ">" closes this "<": "<a@b.c"`
};

struct AddressLimits {
  std::size_t mailboxes = 100'000;  ///< in one list
  std::size_t words = 50'000;       ///< tokens between two separators
};

/// Reads a field body (what follows the colon; a fold is a line end before a blank). An empty one
/// is an empty list. Beyond a limit: a fault.
///
/// What differs from the qmail of old, which read from right to left: the order is the written one;
/// `g: a; h: b;` are two groups; `x <a> y <b>` gets its missing comma; "<a", "a>", "<<a>>",
/// "<a b@c>", a group in a group and an address without a local part are refused; text in "[]"
/// before a "<" belongs to the name.
tl::expected<AddressList, AddressFault> parse_addresses(std::string_view body,
                                                        AddressLimits limits = {});

/// "local@domain", "local", or "" for the null path.
std::string envelope_address(const Mailbox& mailbox);

/// The same in the other direction: split at the last "@".
Mailbox from_envelope(std::string_view address);

/// Whether `domain` can stand after an "@" as it is: atoms with single dots between, or a literal.
/// Says what is wrong, or nothing.
std::string_view domain_fault(std::string_view domain);

}  // namespace porpoise::mail
