// The parts of an address, from tokens: phrase, local part, domain, as people write them.

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/address_token.h"

namespace porpoise::mail {

/// What cannot be read, and where in the body.
struct PartFault {
  std::size_t at = 0;
  std::string_view why;
};

struct Phrase {
  std::string written;  ///< as Mailbox::phrase
  std::string display;
  std::vector<std::string> comments;  ///< those that cannot stay in `written`
};

/// Words, dots, "@" and comments before a "<" or a group's ":", appended to an empty `phrase`.
/// False: not a phrase of RFC 5322 (an unquoted "@" or "[" in it, say); `written` is made anew.
bool read_phrase(std::span<const Token> tokens, Phrase& phrase);

/// What is left of the "@"; `repaired` becomes true where it will not be printed as it is.
std::optional<PartFault> read_local(std::span<const Token> tokens, std::string& local,
                                    bool& repaired);

/// What is right of the "@": atoms and literals with single dots between them.
std::optional<PartFault> read_domain(std::span<const Token> tokens, std::string& domain);

}  // namespace porpoise::mail
