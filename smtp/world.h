// What a session asks of the world around it. Tests and fuzz targets have worlds of their own.

#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "libmail/envelope.h"
#include "libmail/status_code.h"

namespace porpoise::smtp {

/// Why something is not done, as the client is told: a code from 400 to 599, a status of its class.
struct Refusal {
  int code = 451;
  mail::StatusCode status{4, 3, 0};
  std::string text{};
};

template <class T = void>
using Taken = tl::expected<T, Refusal>;

/// What is known of an address that the world does not refuse.
struct Checked {
  std::string address{};  ///< as the envelope is to have it
  bool verified = true;   ///< it is a mailbox here; false: mail for it is taken all the same
};

/// What the Received field tells (RFC 5321 section 4.4).
struct Trace {
  std::string helo{};           ///< as the client said it
  std::string_view protocol{};  ///< "ESMTP"
  std::string recipient{};      ///< the one recipient, in envelope form; "" where there are more
};

class World {
 public:
  World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  virtual ~World() = default;

  /// Whether mail for this address, in envelope form and never empty, is taken.
  virtual Taken<Checked> check(const std::string& address) = 0;

  /// One message at a time: begin, append as often as needed, then commit or abandon. Nothing of
  /// it may be seen by anybody before commit has succeeded, and nothing may be left of it
  /// otherwise. After a refusal of append only abandon follows, and after one of commit nothing.
  virtual Taken<> begin(const Trace& trace) = 0;
  virtual Taken<> append(std::string_view text) = 0;

  /// Success only when the message is on disk; gives its name there.
  virtual Taken<std::string> commit(const mail::Envelope& envelope) = 0;
  virtual void abandon() = 0;
};

}  // namespace porpoise::smtp
