// How far a dot-file was carried out, as a note that the queue keeps for the next attempt. Pure.
//
//   dot=HHHHHHHHHHHHHHHH done=N [stop] [sent=ID]
//
// HHHH is a checksum of the dot-file's text, so that a changed one is begun anew; N the number of
// the last line that is done (lines are done in order); `stop` that it said so with exit code 99;
// `sent` that the forwards are queued, as message ID ("-" where the queue gave no id).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace porpoise::local {

struct Progress {
  std::uint64_t dot_file = 0;  ///< checksum() of its text
  int done = 0;
  bool stopped = false;
  std::string sent{};  ///< "": not yet

  bool operator==(const Progress&) const = default;
};

std::uint64_t checksum(std::string_view text);

/// Printable ASCII of less than 100 octets.
std::string encode(const Progress& progress);

/// Exactly what encode() gives; anything else is nullopt.
std::optional<Progress> decode(std::string_view note);

}  // namespace porpoise::local
