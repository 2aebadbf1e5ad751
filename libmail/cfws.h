// Comments and folding white space (RFC 5322 sections 3.2.2 and 4.2), which may stand between any
// two tokens of a structured field.

#pragma once

#include <string>

#include "libmail/cursor.h"

namespace porpoise::mail {

constexpr bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Moves over blanks, line ends and comments, which nest. False: a comment has no end; the cursor
/// stands at its "(".
bool skip_cfws(Cursor& cursor);

/// What stands at `cursor`, for an error: up to 20 octets in quotes, those that do not print as
/// "?", or "the end".
std::string what_stands_at(const Cursor& cursor);

}  // namespace porpoise::mail
