// Whom a reply goes to (RFC 822 section 4.4.4; RFC 5322 sections 3.6.2 and 3.6.6).

#pragma once

#include <optional>

#include "libmail/header.h"

namespace porpoise::mail {

/// The field that names those a reply goes to: the first Reply-To, else the first From. Never
/// Sender, and never a Resent- field: who passes a message on is not who wrote it.
std::optional<FieldView> reply_field(const Header& header);

}  // namespace porpoise::mail
