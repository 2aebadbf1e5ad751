// The envelope, and the form of it that the queue protocol speaks on descriptor 1:
//
//   F sender NUL  *( P name=value NUL )  *( T recipient NUL  *( R name=value NUL ) )  NUL
//
// Addresses are in envelope form (reference section 0.2): octets without NUL, the local part
// unquoted, the domain after the last "@".

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libmail/result.h"

namespace porpoise::mail {

/// name=value: RET, ENVID, BODY for the message (P); NOTIFY, ORCPT for a recipient (R).
using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Recipient {
  std::string address{};
  Parameters parameters{};
};

struct Envelope {
  std::string sender{};
  Parameters parameters{};
  std::vector<Recipient> recipients{};
};

struct EnvelopeLimits {
  std::size_t address_octets = 1002;     ///< of one address (queue exit code 11)
  std::size_t parameter_octets = 1002;   ///< of one "name=value"
  std::size_t total_octets = 64u << 20;  ///< of the whole
  std::size_t records = 1'000'000;       ///< in all: recipients cost more memory than octets
};

/// The octets of the protocol. `with_parameters` false leaves P and R out, as a foreign program
/// named by QMAILQUEUE needs it. An address or parameter with NUL: permanent error.
Result<std::string> encode(const Envelope& envelope, bool with_parameters = true);

/// Reads it in pieces of any size.
class EnvelopeDecoder {
 public:
  enum class Fault {
    none,
    bad_letter,  ///< a record out of place or with an unknown letter (queue exit code 91)
    too_long,    ///< an address or parameter beyond its limit (exit code 11)
    too_large,   ///< the whole beyond its limits (exit code 51)
  };

  explicit EnvelopeDecoder(EnvelopeLimits limits = {}) : limits_(limits) {}

  /// Takes octets from the front of `in`, returns how many; fewer than in.size() only when the
  /// envelope is complete (what follows is not ours) or at a fault.
  std::size_t feed(std::string_view in);

  bool done() const { return done_; }  ///< the final NUL was read
  Fault fault() const { return fault_; }
  std::string fault_text() const;  ///< names the record: "record 3: unknown letter 'X'"

  /// Requires done().
  Envelope finish() &&;

 private:
  bool begins_well(char letter);
  void end_record();
  void fail(Fault fault, const char* why);

  EnvelopeLimits limits_;
  Envelope envelope_;
  std::string record_;
  std::size_t records_ = 0;
  std::size_t total_ = 0;
  bool done_ = false;
  Fault fault_ = Fault::none;
  const char* why_ = "";
};

/// Whether anybody wants to be told where it fails: RFC 3461 section 5.2.7, by its NOTIFY. Not with
/// NEVER, nor where SUCCESS or DELAY stand without FAILURE. A value that makes no sense says
/// nothing.
bool wants_failure_notice(const Recipient& recipient);

/// VERP (reference 5.5): what a sender `pre@host-@[]` becomes for `recipient`; other senders
/// as they are.
std::string verp_sender(std::string_view sender, std::string_view recipient);

}  // namespace porpoise::mail
