// Printing addresses and phrases: the shortest quoting that reads back as the same (reference 1.7
// and 1.8, mended).

#pragma once

#include <string>
#include <string_view>

#include "libmail/address.h"
#include "libmail/utf8.h"

namespace porpoise::mail {

/// Lines are at most this long where they can be broken (RFC 5322 section 2.1.1).
inline constexpr std::size_t kFoldAt = 78;

/// A local part, quoted if it must be: empty, with a dot at an end or two side by side, or with an
/// octet that is no atom's. UTF-8 stands as it is (RFC 6532); other octets from 128 on are quoted.
std::string quote_local(std::string_view local);

/// An address in envelope form for headers, Return-Path and SMTP. The empty one stays empty.
std::string quote_address(std::string_view envelope_address);

/// "local@domain", quoted as needed, or "" for the null path.
std::string print_address(const Mailbox& mailbox);

/// `text` as the words before "<": as it is where its words are atoms, else as one quoted string.
/// Control octets become blanks. An empty text is "".
std::string print_phrase(std::string_view text);

/// The same for a header that has to be ASCII: words of encoded text (RFC 2047) where there are
/// octets from 128 on; what is not UTF-8 is marked as of an unknown set.
std::string print_encoded_phrase(std::string_view text);

/// `text` as a comment, "(text)", encoded where print_encoded_phrase would.
std::string print_comment(std::string_view text);

/// A mailbox as it stands in a list: `phrase <local@domain> (comment)`.
std::string print_mailbox(const Mailbox& mailbox);

/// The field `name`: its addresses after commas, folded before column kFoldAt as LF and two
/// blanks, after a comma where that is enough, else between words, never inside quoted text.
/// Ends in LF.
std::string print_field(std::string_view name, const AddressList& list);

}  // namespace porpoise::mail
