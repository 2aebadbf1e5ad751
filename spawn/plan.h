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

/// The arguments of local(8) for this delivery, beginning with "local". `uid` is who we run as.
/// Permanent errors: the address has no domain or no local part. Temporary ones: the account is
/// root's or, since a personal instance cannot become anybody, not ours.
Result<std::vector<std::string>> arguments_for(const StartDelivery& start, const Accounts& accounts,
                                               const std::string& default_delivery, uid_t uid);

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
