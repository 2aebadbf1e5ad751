// What addr(1) does: addresses in, JSON out.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libmail/address_json.h"
#include "libmail/header.h"
#include "libmail/result.h"

namespace porpoise::addr {

struct Options {
  bool strict = false;              ///< only what RFC 5322 allows
  bool raw = false;                 ///< octets as they are, in base64
  std::vector<std::string> fields;  ///< the names of header fields; none: each line is a body
};

/// The line, without LF, that answers one field body: an array, or an object with `error`.
std::string answer(std::string_view body, const Options& options);

/// The answers, each with its LF, for the fields of `header` that are asked for, in their order;
/// unfolded first, so that `at` counts in what stands on one line.
std::string answers(const mail::Header& header, const Options& options);

/// Reads `in` to its end. Each line of output is written before it waits for more input. Errors
/// are those of reading and writing; input is never one.
Result<> run(int in, int out, const Options& options);

}  // namespace porpoise::addr
