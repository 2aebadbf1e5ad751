// Who gets a delivery and how `local` is started for it; and what its end means. Pure.

#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "instance/resolver.h"
#include "libmail/result.h"
#include "posix/process.h"
#include "spawn/protocol.h"

namespace porpoise::spawn {

/// What an account is looked up for: what precedes the last "@" of the routed address. Permanent
/// errors: no domain, or nothing before it.
Result<std::string> local_part_of(const StartDelivery& start);

/// Whether `uid`, who we run as, may deliver as this account. Temporary errors: it is root's or has
/// root's group; a personal instance cannot become anybody, a system one does not become those that
/// own the queue or face the network.
Result<> require_deliverable(const Account& account, const Instance& instance, uid_t uid);

/// The arguments of local(8) for this delivery, beginning with "local".
std::vector<std::string> arguments_for(const StartDelivery& start, const Account& account,
                                       const std::string& default_delivery);

/// K, Z or D (reference section 6.2).
char letter_of(const posix::Ended& ended);

/// The text of a report, collected in pieces: never longer than kMaxReportOctets, and what was cut
/// off is said.
class ReportText {
 public:
  void add(std::string_view piece);
  std::string text() const;
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
  bool cut_ = false;
};

/// Progress notes, each ended by NUL, out of octets that come in pieces. Longer ones than
/// kMaxNoteOctets are passed over.
class NoteReader {
 public:
  /// True if at least one whole note was read; last() is the newest.
  bool feed(std::string_view piece);
  const std::string& last() const { return last_; }

 private:
  std::string partial_;
  bool too_long_ = false;
  std::string last_;
};

}  // namespace porpoise::spawn
