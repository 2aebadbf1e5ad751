// What is said about a body that cannot be read.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "libmail/address.h"

namespace porpoise::mail {

/// A piece of `text` from `at` on, fit to be shown: short, on one line, no control octets, and
/// UTF-8: U+FFFD stands for octets that are not.
std::string excerpt(std::string_view text, std::size_t at);

/// `why: "EXCERPT"`.
AddressFault address_fault(std::string_view body, std::size_t at, std::string_view why);

}  // namespace porpoise::mail
