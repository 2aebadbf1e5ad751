// How everything in Porpoise reports failure: a value or an Error, never an exception.

#pragma once

#include <fmt/format.h>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace porpoise {

/// Whether it is worth trying again.
enum class Fate {
  permanent,  ///< it never will work as asked: exit 100
  temporary,  ///< it may work later: exit 111
};

/// What went wrong, for a person: lower case, one line without its LF, names the act and the
/// object and ends with the reason ("opening control/me: Permission denied").
struct Error {
  Fate fate = Fate::temporary;
  std::string text;
  int sys = 0;  ///< the errno behind it, 0 where there is none

  int exit_code() const { return fate == Fate::permanent ? 100 : 111; }
};

template <class T = void>
using Result = tl::expected<T, Error>;

template <class... A>
[[nodiscard]] tl::unexpected<Error> permanent(fmt::format_string<A...> text, A&&... args) {
  return tl::make_unexpected(
      Error{Fate::permanent, fmt::format(text, std::forward<A>(args)...), 0});
}

template <class... A>
[[nodiscard]] tl::unexpected<Error> temporary(fmt::format_string<A...> text, A&&... args) {
  return tl::make_unexpected(
      Error{Fate::temporary, fmt::format(text, std::forward<A>(args)...), 0});
}

/// For `return failed(result);` from a function with another value type.
template <class T>
[[nodiscard]] tl::unexpected<Error> failed(Result<T>& result) {
  return tl::make_unexpected(std::move(result.error()));
}
template <class T>
[[nodiscard]] tl::unexpected<Error> failed(Result<T>&& result) {
  return tl::make_unexpected(std::move(result.error()));
}

}  // namespace porpoise
