// Handing a message to the queue: the one way in, for the program `queue`, for inject, sendmail,
// forward, local and bounce.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "instance/instance.h"
#include "libmail/envelope.h"
#include "libmail/result.h"
#include "queue/id.h"

namespace porpoise::queue {

/// The exit codes of the queue protocol (reference 4.3 and 0.8).
enum class Code : int {
  queued = 0,
  address_too_long = 11,
  refused = 31,
  memory = 51,
  timeout = 52,
  write_error = 53,  ///< also: no room
  read_error = 54,
  configuration = 55,
  nobody_there = 56,
  home = 61,    ///< the instance cannot be entered
  folder = 62,  ///< a folder of the queue cannot be entered
  create = 63,  ///< the file cannot be created
  link = 66,    ///< it cannot be given its name
  refused_for_now = 71,
  lost = 74,  ///< handed over, and no answer came: it may be queued
  bug = 81,
  custom = 82,  ///< a foreign program's own text on descriptor 6
  bad_envelope = 91,
  cannot_start = 120,
};
Fate fate_of(int code);         ///< 11..40 and 115 permanent, everything else temporary
std::string text_of(int code);  ///< for a person: "queue: disk full or write error (#4.3.0)"

struct SubmitError {
  int code = 0;  ///< of the table above
  Error error;   ///< what and where; its fate is that of the code
};
template <class T = void>
using SubmitResult = tl::expected<T, SubmitError>;

/// What a network session tells of itself in the Received line (RFC 5321 section 4.4): each a
/// clause without its keyword, of one line.
struct ReceivedClauses {
  std::string from;
  std::string by;
  std::string with;
  std::string recipient;  ///< in "<>"; "" leaves "for" out
};

struct SubmitOptions {
  std::string received_note{};  ///< "invoked by uid 1000" is the default; "for bounce", ...
  std::optional<ReceivedClauses> received{};  ///< instead of the note
  std::optional<Id> id{};            ///< use this id (notices); EEXIST then shows in error.sys
  std::optional<Id> notice_about{};  ///< the message that a notice reports about
  bool trigger = true;               ///< tell send (notices are told when their intent is closed)
  std::uint64_t max_octets = 0;      ///< of the content; 0: no limit
};

/// One message on its way in. write() as often as needed, in pieces of any size; memory does not
/// grow with the message. Destroyed before finish() succeeded: nothing is queued.
class Submission {
 public:
  virtual ~Submission() = default;
  virtual SubmitResult<> write(std::string_view content) = 0;

  /// The two barriers: the file is synced, linked into queue/incoming, that folder is synced.
  /// Only after this has succeeded may anybody say 0 or 250. Gives the id as text (for a foreign
  /// QMAILQUEUE program: "").
  virtual SubmitResult<std::string> finish(const mail::Envelope& envelope) = 0;
};

/// Begins one in this instance's queue; the instance must outlive it. The queue's owner writes it
/// directly; everybody else, in a system instance only, goes through run/submit (socket_client.h),
/// with the same codes and texts, and the options that say what is written as owner do not hold. In
/// the environment QMAILQUEUE or MAILQUEUE names a foreign program to use instead (reference 0.8);
/// `allow_foreign` false ignores it.
SubmitResult<std::unique_ptr<Submission>> begin(const Instance& instance,
                                                const SubmitOptions& options,
                                                bool allow_foreign = true);

/// Where no `send` reads the trigger of a personal instance, a submission starts
/// `send --once --instance PATH` in the background (its own session, standard streams on
/// /dev/null) so that the message goes on its way. Called by programs after their last finish().
void start_send_if_nobody_listens(const Instance& instance);

/// Recipients that can never be delivered because their domain is not local and the instance has
/// no control/remote: the first one's address, or nullopt. Asked before anything is queued.
Result<std::optional<std::string>> undeliverable(const Instance& instance,
                                                 const mail::Envelope& envelope);

}  // namespace porpoise::queue
