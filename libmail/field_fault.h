// Why the body of a structured field cannot be read.

#pragma once

#include <cstddef>
#include <fmt/format.h>
#include <string>

#include <tl/expected.hpp>

namespace porpoise::mail {

struct FieldFault {
  std::size_t at = 0;  ///< octet of the body, from 0; at most its size
  std::string text;    ///< for a person, one line: `expected a month, not "Nox"`

  bool operator==(const FieldFault&) const = default;
};

template <class... A>
[[nodiscard]] tl::unexpected<FieldFault> field_fault(std::size_t at, fmt::format_string<A...> text,
                                                     A&&... args) {
  return tl::make_unexpected(FieldFault{at, fmt::format(text, std::forward<A>(args)...)});
}

}  // namespace porpoise::mail
