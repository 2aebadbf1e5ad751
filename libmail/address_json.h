// Addresses as JSON (RFC 8259), as addr(1) prints them.

#pragma once

#include <string>
#include <string_view>

#include "libmail/address.h"

namespace porpoise::mail {

enum class JsonForm {
  text,    ///< names decoded (RFC 2047), all of it UTF-8
  base64,  ///< each string is the base64 of its octets; nothing is decoded
};

/// `[{"display":...,"local":...,"domain":...,"group":...}, ...]` on one line, in written order.
/// `domain` and `group` are null where there is none. In a name U+FFFD stands for octets that are
/// not UTF-8; with JsonForm::text they are a fault in an address and in the name of a group.
/// `body` is what the list was read from.
tl::expected<std::string, AddressFault> address_json(std::string_view body, const AddressList& list,
                                                     JsonForm form = JsonForm::text);

/// `{"error":...,"at":N}` on one line.
std::string fault_json(const AddressFault& fault);

}  // namespace porpoise::mail
