// Why a message was not taken, in the words of both callers: 100 and 111 for inject, sysexits(3)
// for sendmail.

#pragma once

#include "libmail/result.h"

namespace porpoise::inject {

enum class Cause {
  usage,          ///< the command line: 64
  data,           ///< the header, or an address on the command line: 65
  no_input,       ///< standard input cannot be read at all: 66
  no_user,        ///< a recipient that nobody is, where that is known: 67
  elsewhere,      ///< a recipient on another host, and nothing delivers there: 68
  unavailable,    ///< refused for good: 69
  software,       ///< a mistake of ours: 70
  system,         ///< the machine cannot do it now: 71
  output,         ///< standard output cannot be written: 74
  input,          ///< standard input failed while it was read: 74
  later,          ///< the queue cannot take it now: 75
  permission,     ///< somebody else's instance: 77
  configuration,  ///< no instance, or a control file or variable that makes no sense: 78
};

struct Failure {
  Cause cause = Cause::software;
  Error error;
};

template <class T = void>
using Outcome = tl::expected<T, Failure>;

/// The exit code of sysexits(3).
int sysexit(const Failure& failure);

[[nodiscard]] inline tl::unexpected<Failure> failure(Cause cause, Error error) {
  return tl::make_unexpected(Failure{cause, std::move(error)});
}

/// A permanent failure with a text of its own.
template <class... A>
[[nodiscard]] tl::unexpected<Failure> refuse(Cause cause, fmt::format_string<A...> text,
                                             A&&... args) {
  return failure(cause, Error{Fate::permanent, fmt::format(text, std::forward<A>(args)...), 0});
}

template <class T>
[[nodiscard]] tl::unexpected<Failure> failed(Outcome<T>& outcome) {
  return tl::make_unexpected(std::move(outcome.error()));
}
template <class T>
[[nodiscard]] tl::unexpected<Failure> failed(Outcome<T>&& outcome) {
  return tl::make_unexpected(std::move(outcome.error()));
}

}  // namespace porpoise::inject
