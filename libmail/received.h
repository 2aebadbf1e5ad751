// What a Received field says (RFC 5321 section 4.4; RFC 5322 section 3.6.7).

#pragma once

#include <optional>
#include <string_view>

#include "libmail/date_reader.h"

namespace porpoise::mail {

/// The clauses of the RFCs, each as written from after its word to before the next one, without
/// blanks at its ends; of one that is there twice the first. Views of the body.
struct Received {
  std::string_view from;  ///< comments included: "a.test (b.test [192.0.2.1])"
  std::string_view by;
  std::string_view via;
  std::string_view with;
  std::string_view id;
  std::string_view recipient;  ///< the "for" clause, as a rule in "<>"
  std::optional<Date> date;    ///< after the last ";", read leniently
};

/// Reads any body: words that begin no clause belong to the clause before, what cannot be read is
/// left out.
Received parse_received(std::string_view body);

}  // namespace porpoise::mail
